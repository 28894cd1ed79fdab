//! Joins the scripts and styles of `assets/` into the few files that the embedded
//! page is served as. The build script runs this; the crate only tests it.
//!
//! A bundle is a module with one function per joined module, each after those that
//! it imports from:
//!
//! ```js
//! const $0 = (() => {
//! const tint = …;
//! return { tint };
//! })();
//! const $1 = (() => {
//! const { tint } = $0;
//! …
//! })();
//! export const modules = { 'view/colour.js': $0 };
//! ```
//!
//! So each module keeps its scope, and no name is changed but those of private
//! members. `import()` of a module becomes the import of its bundle.

mod lines;
mod private;
mod script;
mod style;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use self::lines::refusal;
use self::script::{Script, relative};
use self::style::join_style;

/// A file of the page, by its path below `assets/`.
#[derive(Debug)]
pub(crate) struct PageFile {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

/// A script that is served, by its path.
#[derive(Debug, Clone, Copy)]
enum ServedScript {
    /// A module and what it imports, except what the bundles `on` have: that is
    /// taken from there. It shares no instance with other bundles.
    Joined {
        path: &'static str,
        on: &'static [&'static str],
    },
    /// The modules of a folder and what they import, except what the bundles `on`
    /// have.
    Folder {
        path: &'static str,
        folder: &'static str,
        on: &'static [&'static str],
    },
    /// A script that imports nothing.
    Alone(&'static str),
}

const SCRIPTS: &[ServedScript] = &[
    ServedScript::Alone("early.js"),
    ServedScript::Joined {
        path: "start.js",
        on: &[],
    },
    ServedScript::Joined {
        path: "chat.js",
        on: &["start.js"],
    },
    ServedScript::Folder {
        path: "later.js",
        folder: "later/",
        on: &["start.js", "chat.js"],
    },
    ServedScript::Joined {
        path: "stream/worker.js",
        on: &[],
    },
    ServedScript::Alone("service_worker.js"),
    ServedScript::Alone("words/words_en.js"),
    ServedScript::Alone("words/words_zh.js"),
];

/// The style sheets that are served.
const STYLES: &[&str] = &["chat.css", "later.css", "error.css", "plain.css"];

/// The files as they are served; those that are no scripts or styles are unchanged.
///
/// # Errors
///
/// If a script or style can't be joined, or is in none of the served files.
pub(crate) fn join(files: Vec<PageFile>) -> Result<Vec<PageFile>, String> {
    join_as(SCRIPTS, STYLES, files)
}

fn join_as(
    served: &[ServedScript],
    styles: &[&str],
    files: Vec<PageFile>,
) -> Result<Vec<PageFile>, String> {
    let (mut scripts, mut sheets, mut joined) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut unused = BTreeSet::new();
    for file in files {
        let is_script = file.path.ends_with(".js");
        if !is_script && !file.path.ends_with(".css") {
            joined.push(file);
            continue;
        }
        unused.insert(file.path.clone());
        let text = String::from_utf8(file.bytes)
            .map_err(|_| format!("assets/{} is not UTF-8", file.path))?;
        if is_script {
            scripts.insert(file.path.clone(), Script::parse(&file.path, &text)?);
        } else {
            sheets.insert(file.path, text);
        }
    }
    let bundles = bundles(served, &scripts)?;
    for bundle in &bundles {
        unused.retain(|path: &String| !bundle.modules.contains(&path.as_str()));
        joined.push(PageFile {
            path: bundle.path.to_owned(),
            bytes: bundle.write(&bundles, &scripts)?.into_bytes(),
        });
    }
    for path in styles {
        if !sheets.contains_key(*path) {
            return Err(format!("assets/{path} is missing"));
        }
        let (sheet, parts) = join_style(path, &sheets)?;
        unused.retain(|path| !parts.contains(path));
        joined.push(PageFile {
            path: (*path).to_owned(),
            bytes: sheet.into_bytes(),
        });
    }
    match unused.first() {
        Some(path) => Err(format!("assets/{path} is not used: nothing imports it")),
        None => Ok(joined),
    }
}

/// A served script with its modules, each after those that it imports from.
#[derive(Debug)]
struct Bundle<'a> {
    path: &'static str,
    is_joined: bool,
    modules: Vec<&'a str>,
    /// The bundles that have the other modules.
    bases: Vec<Base<'a>>,
}

/// A bundle from which another one takes modules.
#[derive(Debug)]
struct Base<'a> {
    path: &'static str,
    modules: Vec<&'a str>,
}

fn bundles<'a>(
    served: &[ServedScript],
    scripts: &'a BTreeMap<String, Script>,
) -> Result<Vec<Bundle<'a>>, String> {
    let later: Vec<&str> = served
        .iter()
        .filter_map(|script| match script {
            ServedScript::Folder { folder, .. } => Some(*folder),
            _ => None,
        })
        .collect();
    let mut bundles: Vec<Bundle<'a>> = Vec::new();
    for script in served {
        let (path, roots, on, refused): (_, Vec<&str>, &[&str], &[&str]) = match *script {
            ServedScript::Joined { path, on } => (path, vec![path], on, &later),
            ServedScript::Alone(path) => (path, vec![path], &[], &later),
            ServedScript::Folder { path, folder, on } => {
                let roots = scripts.keys().map(String::as_str);
                let roots = roots.filter(|path| path.starts_with(folder)).collect();
                (path, roots, on, &[])
            }
        };
        let base = |on: &&str| {
            let base = bundles.iter().find(|bundle| bundle.path == *on);
            let base = base.ok_or_else(|| format!("there is no bundle {on} before {path}"))?;
            Ok(Base {
                path: base.path,
                modules: base.modules.clone(),
            })
        };
        let bases = on.iter().map(base).collect::<Result<Vec<_>, String>>()?;
        let mut walk = Walk {
            scripts,
            bases: &bases,
            refused,
            open: Vec::new(),
            done: Vec::new(),
        };
        for root in roots {
            if !scripts.contains_key(root) {
                return Err(format!("assets/{root} is missing"));
            }
            walk.visit(root)?;
        }
        let modules = walk.done;
        let is_joined = !matches!(script, ServedScript::Alone(_));
        if !is_joined && modules.len() > 1 {
            return Err(format!(
                "assets/{path} is served as it is, so it can't import"
            ));
        }
        bundles.push(Bundle {
            path,
            is_joined,
            modules,
            bases,
        });
    }
    Ok(bundles)
}

/// Finds the modules of a bundle.
struct Walk<'a, 'b> {
    scripts: &'a BTreeMap<String, Script>,
    /// Bundles that have some of the modules.
    bases: &'b [Base<'a>],
    /// Folders of another bundle.
    refused: &'b [&'b str],
    /// The module that is visited, after those that lead to it.
    open: Vec<&'a str>,
    done: Vec<&'a str>,
}

impl<'a> Walk<'a, '_> {
    fn visit(&mut self, path: &str) -> Result<(), String> {
        let Some((path, script)) = self.scripts.get_key_value(path) else {
            return Ok(());
        };
        let is_of = |modules: &[&str]| modules.contains(&path.as_str());
        if is_of(&self.done) || self.bases.iter().any(|base| is_of(&base.modules)) {
            return Ok(());
        }
        self.open.push(path);
        for import in &script.imports {
            let refuse = |what: String| Err(refusal(path, import.line, &what));
            let from = import.from.as_str();
            let Some(imported) = self.scripts.get(from) else {
                return refuse(format!("there is no {from}"));
            };
            if let Some(folder) = self
                .refused
                .iter()
                .find(|folder| from.starts_with(**folder))
            {
                return refuse(format!("{folder} is loaded later: use import()"));
            }
            if let Some(at) = self.open.iter().position(|open| *open == from) {
                let circle = self.open[at..].join(" -> ");
                return refuse(format!("modules import each other: {circle} -> {from}"));
            }
            for (name, _) in &import.names {
                if !imported.exports.contains(name) {
                    return refuse(format!("{from} does not export {name}"));
                }
            }
            self.visit(from)?;
        }
        self.open.pop();
        self.done.push(path);
        Ok(())
    }
}

impl Bundle<'_> {
    fn write(
        &self,
        bundles: &[Bundle<'_>],
        scripts: &BTreeMap<String, Script>,
    ) -> Result<String, String> {
        if !self.is_joined {
            return Ok(scripts[self.path].whole());
        }
        let mut text = String::new();
        for (number, base) in self.bases.iter().enumerate() {
            let base = relative(self.path, base.path);
            writeln!(text, "import {{ modules as $base{number} }} from '{base}';")
                .expect(INFALLIBLE);
        }
        let mut exports = String::new();
        for (number, path) in self.modules.iter().enumerate() {
            let script = &scripts[*path];
            let has_exports = !script.exports.is_empty();
            if has_exports {
                write!(text, "const ${number} = ").expect(INFALLIBLE);
                write!(exports, " '{path}': ${number},").expect(INFALLIBLE);
            }
            text.push_str("(() => {\n");
            for import in &script.imports {
                let names = import
                    .names
                    .iter()
                    .map(|(name, local)| match name == local {
                        true => name.clone(),
                        false => format!("{name}: {local}"),
                    });
                let names = names.collect::<Vec<_>>().join(", ");
                let from = match self.number(&import.from) {
                    Some(number) => format!("${number}"),
                    None => self.taken(&import.from).expect("found by Walk::visit"),
                };
                writeln!(text, "const {{ {names} }} = {from};").expect(INFALLIBLE);
            }
            let url = format!(
                "new URL('{}', import.meta.url).href",
                relative(self.path, path)
            );
            text.push_str(&script.body(&url, |target| self.load(target, bundles))?);
            if has_exports {
                writeln!(text, "return {{ {} }};", script.exports.join(", ")).expect(INFALLIBLE);
            }
            text.push_str("})();\n");
        }
        writeln!(text, "export const modules = {{{exports} }};").expect(INFALLIBLE);
        Ok(text)
    }

    fn number(&self, module: &str) -> Option<usize> {
        self.modules.iter().position(|path| *path == module)
    }

    /// An expression for a module of another bundle.
    fn taken(&self, module: &str) -> Option<String> {
        let has = |base: &Base<'_>| base.modules.contains(&module);
        let number = self.bases.iter().position(has)?;
        Some(format!("$base{number}['{module}']"))
    }

    /// An expression for a promise of a module.
    fn load(&self, target: &str, bundles: &[Bundle<'_>]) -> Option<String> {
        if let Some(number) = self.number(target) {
            // Not before all modules are there.
            return Some(format!("Promise.resolve().then(() => ${number})"));
        }
        if let Some(module) = self.taken(target) {
            return Some(format!("Promise.resolve({module})"));
        }
        let bundle = bundles
            .iter()
            .find(|bundle| bundle.number(target).is_some())?;
        let path = relative(self.path, bundle.path);
        Some(match bundle.is_joined {
            true => format!("import('{path}').then(({{ modules }}) => modules['{target}'])"),
            false => format!("import('{path}')"),
        })
    }
}

const INFALLIBLE: &str = "a String takes any text";

#[cfg(test)]
mod tests;
