//! The template `index.html`: its placeholders stand for the paths from the page
//! to the server's root and to its files. They are relative, so that the page
//! works behind a proxy that strips a prefix. The build script uses this file, too.

/// The path at which the page is served.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PagePath {
    /// `/`
    Home,
    /// `/r/{room}`
    Room,
}

impl PagePath {
    /// The relative path from the page to the server's root.
    pub(crate) fn root(self) -> &'static str {
        match self {
            Self::Home => "./",
            Self::Room => "../",
        }
    }
}

/// The page as it is served at `at`, with its files below `version`.
pub(crate) fn fill_in(html: &str, at: PagePath, version: &str) -> String {
    let root = at.root();
    html.replace("{{assets}}", &format!("{root}assets/{version}/"))
        .replace("{{root}}", root)
}
