// Sets theme and language before the first paint. A classic script, because
// modules run only after the page is parsed.
{
  const stored = (/** @type {string} */ key) => {
    try {
      return JSON.parse(localStorage.getItem(`sse-chat.${key}`) ?? 'null');
    } catch {
      return null;
    }
  };
  const theme = stored('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const tag = [stored('language'), ...navigator.languages].find((tag) => /^(zh|en)\b/i.test(tag)) ?? '';
  document.documentElement.lang = /^zh/i.test(tag) ? 'zh-CN' : 'en';
}
