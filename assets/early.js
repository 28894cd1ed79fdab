// Takes the token out of the address, and sets theme and language before the first
// paint. A classic script, because modules run only after the page is parsed.
{
  let token = '';
  const take = () => {
    if (!location.hash.startsWith('#token=')) return;
    token = location.hash.slice(7);
    history.replaceState(history.state, '', location.pathname + location.search);
  };
  take();
  // A link to a page that is open already.
  addEventListener('hashchange', take);
  Object.assign(globalThis, {
    hasToken: () => token !== '',
    /** The token of the link, once. */
    takeToken() {
      const taken = token;
      token = '';
      return taken;
    },
  });
  const stored = (/** @type {string} */ key) => {
    try {
      return JSON.parse(localStorage.getItem(`sse-chat.${key}`) ?? 'null');
    } catch {
      return null;
    }
  };
  const theme = stored('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const tag = [stored('language'), ...navigator.languages].find((tag) => typeof tag === 'string' && /^(zh|en)\b/i.test(tag)) ?? '';
  const isChinese = /^zh/i.test(tag);
  document.documentElement.lang = isChinese ? 'zh-CN' : 'en';
  // The other scripts are preloaded by the page itself.
  const link = document.createElement('link');
  link.rel = 'modulepreload';
  link.href = new URL(`words/words_${isChinese ? 'zh' : 'en'}.js`, /** @type {HTMLScriptElement} */ (document.currentScript).src).href;
  document.head.append(link);
}
