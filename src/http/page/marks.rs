//! The marks in `index.html`: the ways from the page to the server's root and
//! to its files. They are relative, so that the page works behind a proxy that
//! strips a prefix. The build script uses this file, too.

/// Which address the page is at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// `/`
    Home,
    /// `/r/{room}`
    Room,
}

/// The page as it stands at `at`, with its files under `version`.
pub(crate) fn place(html: &str, at: Place, version: &str) -> String {
    let root = match at {
        Place::Home => "./",
        Place::Room => "../",
    };
    html.replace("{{assets}}", &format!("{root}assets/{version}/"))
        .replace("{{root}}", root)
}
