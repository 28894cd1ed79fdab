//! A script of the page: its imports, its exports, and its lines. Scripts are
//! written so that no parser is needed: each import and export is on a line of
//! its own and begins it.

use super::lines::{SourceLine, lines, refusal};
use super::private::shorten;

/// A module before it is joined.
#[derive(Debug)]
pub(super) struct Script {
    /// Below `assets/`.
    path: String,
    pub(super) imports: Vec<ScriptImport>,
    /// The exported names.
    pub(super) exports: Vec<String>,
    pub(super) lines: Vec<SourceLine>,
}

/// `import { names } from 'from';`
#[derive(Debug)]
pub(super) struct ScriptImport {
    pub(super) line: usize,
    /// The path of a module, below `assets/`.
    pub(super) from: String,
    /// Each with its name in the importing module.
    pub(super) names: Vec<(String, String)>,
}

impl Script {
    /// # Errors
    ///
    /// If the script has a form that cannot be joined.
    pub(super) fn parse(path: &str, source: &str) -> Result<Self, String> {
        let mut script = Self {
            path: path.to_owned(),
            imports: Vec::new(),
            exports: Vec::new(),
            lines: lines(path, source)?,
        };
        shorten(&mut script.lines);
        for line in &script.lines {
            let refuse = |what: &str| refusal(path, line.number, what);
            if is_import(&line.text) {
                let import = parse_import(path, line).ok_or_else(|| {
                    refuse("write imports as: import { a, b as c } from './file.js';")
                })?;
                script.imports.push(import);
            } else if is_export(&line.text) {
                let name = exported(&line.text).ok_or_else(|| {
                    refuse("only const, function, async function and class are exported, each by its name: export const a = …")
                })?;
                script.exports.push(name.to_owned());
            } else if !line.is_indented
                && has_word(&line.text, "await")
                && !has_word(&line.text, "async")
            {
                return Err(refuse(
                    "a module can't await: put it into an async function",
                ));
            }
        }
        Ok(script)
    }

    /// The lines of a function body that declares what the module does, with the
    /// targets of `import()` replaced by `load`, and the URL of the module by
    /// `url`.
    pub(super) fn body(
        &self,
        url: &str,
        load: impl Fn(&str) -> Option<String>,
    ) -> Result<String, String> {
        let mut body = String::new();
        for line in self.lines.iter().filter(|line| !is_import(&line.text)) {
            let refuse = |what: &str| refusal(&self.path, line.number, what);
            let text = line.text.strip_prefix("export ").unwrap_or(&line.text);
            let text = text.replace("import.meta.url", url);
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once("import(") {
                if before.ends_with(is_of_a_word) {
                    body.push_str(before);
                    body.push_str("import(");
                    rest = after;
                    continue;
                }
                let (target, after) = after
                    .strip_prefix('\'')
                    .and_then(|after| after.split_once("')"))
                    .ok_or_else(|| {
                        refuse("write the path of import() as a text: import('./file.js')")
                    })?;
                let loaded = resolve(&self.path, target).and_then(|target| load(&target));
                let loaded = loaded.ok_or_else(|| refuse(&format!("there is no {target}")))?;
                body.push_str(before);
                body.push_str(&loaded);
                rest = after;
            }
            body.push_str(rest);
            body.push('\n');
        }
        Ok(body)
    }

    /// The script as it is, for one that is not joined.
    pub(super) fn whole(&self) -> String {
        let lines = self.lines.iter();
        lines.flat_map(|line| [line.text.as_str(), "\n"]).collect()
    }
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '#')
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c| !is_of_a_word(c)).any(|part| part == word)
}

/// An import that is no call.
fn is_import(text: &str) -> bool {
    text.strip_prefix("import")
        .is_some_and(|rest| rest.starts_with([' ', '{', '*', '\'', '"']))
}

fn is_export(text: &str) -> bool {
    text.strip_prefix("export")
        .is_some_and(|rest| rest.starts_with([' ', '{', '*']))
}

fn parse_import(path: &str, line: &SourceLine) -> Option<ScriptImport> {
    let rest = line.text.strip_prefix("import { ")?;
    let (names, rest) = rest.split_once(" } from '")?;
    let names = names.split(", ").map(|name| {
        let (name, local) = name.split_once(" as ").unwrap_or((name, name));
        let is_name = |name: &str| !name.is_empty() && name.chars().all(is_of_a_word);
        (is_name(name) && is_name(local)).then(|| (name.to_owned(), local.to_owned()))
    });
    Some(ScriptImport {
        line: line.number,
        from: resolve(path, rest.strip_suffix("';")?)?,
        names: names.collect::<Option<_>>()?,
    })
}

/// The name that a line exports.
fn exported(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("export ")?;
    let rest = [
        "const ",
        "function ",
        "function* ",
        "async function ",
        "async function* ",
        "class ",
    ]
    .iter()
    .find_map(|kind| rest.strip_prefix(kind))?;
    let name = rest.split(|c| !is_of_a_word(c)).next()?;
    (!name.is_empty()).then_some(name)
}

/// The path of what a module names `./x.js` or `../x.js`.
fn resolve(from: &str, named: &str) -> Option<String> {
    let mut steps: Vec<&str> = from.split('/').collect();
    steps.pop();
    if !named.starts_with("./") && !named.starts_with("../") {
        return None;
    }
    for step in named.split('/') {
        match step {
            "." => {}
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// The other way round: the name by which the file `from` reaches `path`.
pub(super) fn relative(from: &str, path: &str) -> String {
    match from.matches('/').count() {
        0 => format!("./{path}"),
        depth => "../".repeat(depth) + path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_and_exports_are_found() {
        let script = Script::parse(
            "a/b.js",
            "import { c, d as e } from '../f/g.js';\nimport { h } from './i.js';\nexport const j = 1;\nexport async function k() { await j; }\nexport class L {}\nexport function m(n) {}\nimport('./o.js');\n",
        )
        .unwrap();
        let imports: Vec<_> = script
            .imports
            .iter()
            .map(|import| (&*import.from, import.line))
            .collect();
        assert_eq!(imports, [("f/g.js", 1), ("a/i.js", 2)]);
        let names: Vec<_> = script.imports[0]
            .names
            .iter()
            .map(|(a, b)| (&**a, &**b))
            .collect();
        assert_eq!(names, [("c", "c"), ("d", "e")]);
        assert_eq!(script.exports, ["j", "k", "L", "m"]);
    }

    #[test]
    fn other_forms_are_refused_with_their_line() {
        for line in [
            "import * as a from './a.js';",
            "import a from './a.js';",
            "import './a.js';",
            "import {",
            "import { a } from 'a';",
            "import { a } from '../../a.js';",
            "import { a } from './a.js'; b();",
            "import { } from './a.js';",
            "export let a = 1;",
            "export default a;",
            "export { a };",
            "export * from './a.js';",
            "export const { a } = b;",
            "const a = await b;",
            "await b;",
        ] {
            let refused = Script::parse("x/y.js", &format!("// x\n{line}\n")).unwrap_err();
            assert!(
                refused.starts_with("assets/x/y.js:2: "),
                "{line}: {refused}"
            );
        }
    }

    #[test]
    fn calls_of_import_and_the_url_are_replaced() {
        let script = Script::parse(
            "a/b.js",
            "export const c = [import('./d.js'), import('../e.js'), reimport('f')];\ng(import.meta.url);",
        )
        .unwrap();
        let body = script
            .body("HERE", |target| Some(format!("load({target})")))
            .unwrap();
        assert_eq!(
            body,
            "const c = [load(a/d.js), load(e.js), reimport('f')];\ng(HERE);\n"
        );
        let refused = script.body("", |_| None).unwrap_err();
        assert_eq!(refused, "assets/a/b.js:1: there is no ./d.js");
        let variable = Script::parse("a.js", "import(b);").unwrap();
        let refused = variable.body("", |_| Some(String::new())).unwrap_err();
        assert!(refused.starts_with("assets/a.js:1: "), "{refused}");
    }

    #[test]
    fn a_path_is_named_from_a_file() {
        assert_eq!(relative("a.js", "b/c.js"), "./b/c.js");
        assert_eq!(relative("a/b/c.js", "d.js"), "../../d.js");
    }
}
