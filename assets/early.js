// What must be settled before anything is painted: theme and language. A
// classic script, since modules run only after the page has been read.
{
  const kept = (/** @type {string} */ key) => {
    try {
      return JSON.parse(localStorage.getItem(`sse-chat.${key}`) ?? 'null');
    } catch {
      return null;
    }
  };
  const theme = kept('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  document.documentElement.lang = kept('language')
    ?? (navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag)) ?? 'en').replace(/^zh.*/i, 'zh-CN').replace(/^en.*/i, 'en');
}
