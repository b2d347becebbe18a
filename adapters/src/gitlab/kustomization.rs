//! The image entry of a kustomization file, read and changed as text: what people wrote around it, comments too, stays as
//! it is.

use opstella_domain::release::Digest;

/// What the deployment calls its image, and the entry that says which one that is.
pub(super) const ENTRY: &str = "service";

/// What the entry says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Image {
    pub name: Option<String>,
    pub digest: Option<String>,
}

/// One line of an entry: where it is, and its key and value.
struct Field<'a> {
    line: usize,
    key: &'a str,
    value: &'a str,
}

/// The fields of our entry; none where there is no such entry.
fn fields<'a>(lines: &[&'a str]) -> Option<Vec<Field<'a>>> {
    let start = lines.iter().position(|line| is_images(line))? + 1;
    let mut entries: Vec<Vec<Field<'a>>> = Vec::new();
    let mut dash = None;
    for (line, text) in lines.iter().enumerate().skip(start) {
        let content = text.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = text.len() - text.trim_start().len();
        let rest = match content.strip_prefix('-') {
            // A list in a list is none of ours.
            Some(rest) if dash.is_none_or(|dash| dash == indent) && is_gap(rest) => {
                dash = Some(indent);
                entries.push(Vec::new());
                rest.trim_start()
            }
            _ if dash.is_none_or(|dash| indent <= dash) => break,
            _ => content,
        };
        if let (Some(entry), Some((key, value))) = (entries.last_mut(), rest.split_once(':')) {
            let (key, value) = (key.trim(), scalar(value));
            entry.push(Field { line, key, value });
        }
    }
    let ours = |entry: &Vec<Field<'_>>| entry.iter().any(|f| f.key == "name" && f.value == ENTRY);
    entries.into_iter().find(ours)
}

fn is_images(line: &str) -> bool {
    let rest = line.strip_prefix("images:").map(str::trim);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
}

fn is_gap(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t'])
}

/// A scalar without its quotes and what follows it.
fn scalar(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote) {
            return inner.split(quote).next().unwrap_or(inner);
        }
    }
    match value.find(" #") {
        Some(at) => value.get(..at).unwrap_or(value).trim_end(),
        None => value,
    }
}

/// The comment at the end of a line, with the space before it.
fn comment(line: &str) -> &str {
    let body = line.trim_end_matches(['\r', '\n']);
    // A `#` inside quotes is none; our values have none.
    let after = body.rfind(['"', '\'']).unwrap_or(0);
    let found = body
        .get(after..)
        .and_then(|tail| tail.find(" #"))
        .map(|at| at + after);
    let Some(found) = found else {
        return "";
    };
    let start = body.get(..found).map_or(found, |head| head.trim_end().len());
    body.get(start..).unwrap_or_default()
}

/// What the entry says now; none where there is no entry.
pub(super) fn image_of(text: &str) -> Option<Image> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let fields = fields(&lines)?;
    let value = |key: &str| fields.iter().find(|f| f.key == key).map(|f| f.value.to_owned());
    Some(Image {
        name: value("newName"),
        digest: value("digest"),
    })
}

/// The text with the entry naming this image by digest; the very same text where it does already, none where there is
/// no entry.
pub(super) fn with_image(text: &str, image: &str, digest: &Digest) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let fields = fields(&lines)?;
    let at = |key: &str| fields.iter().find(|f| f.key == key);
    let name = at("name")?;
    let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let mut gone = Vec::new();
    let mut added = Vec::new();
    match at("newName") {
        Some(there) if there.value == image => {}
        Some(there) => replace(&mut changed, &lines, there, "newName", image),
        None => added.push(("newName", image)),
    }
    let mut versions: Vec<&Field<'_>> = fields
        .iter()
        .filter(|f| ["newTag", "digest"].contains(&f.key))
        .collect();
    versions.sort_by_key(|field| field.line);
    match versions.split_first() {
        Some((first, rest)) => {
            // A tag beside a digest would say what is not looked at.
            gone.extend(rest.iter().map(|field| field.line));
            if first.key != "digest" || first.value != digest.as_str() {
                replace(&mut changed, &lines, first, "digest", digest.as_str());
            }
        }
        None => added.push(("digest", digest.as_str())),
    }
    let after = if added.len() == 2 {
        name
    } else {
        at("newName").unwrap_or(name)
    };
    let mut out = String::with_capacity(text.len() + 100);
    for (index, line) in changed.iter().enumerate() {
        if gone.contains(&index) {
            continue;
        }
        out.push_str(line);
        if index == after.line {
            for (key, value) in &added {
                push_line(&mut out, &lines, name, key, value);
            }
        }
    }
    Some(out)
}

fn replace(changed: &mut [String], lines: &[&str], field: &Field<'_>, key: &str, value: &str) {
    let (Some(line), Some(slot)) = (lines.get(field.line), changed.get_mut(field.line)) else {
        return;
    };
    let head = line
        .find(field.key)
        .and_then(|at| line.get(..at))
        .unwrap_or_default();
    *slot = format!("{head}{key}: \"{value}\"{}{}", comment(line), ending(line));
}

/// A line of its own, as far to the right as the entry's other keys.
fn push_line(out: &mut String, lines: &[&str], name: &Field<'_>, key: &str, value: &str) {
    let line = lines.get(name.line).copied().unwrap_or_default();
    let indent = line.find(name.key).unwrap_or(0);
    let ending = match ending(line) {
        "" => "\n",
        ending => ending,
    };
    if !out.ends_with('\n') {
        out.push_str(ending);
    }
    out.push_str(&format!("{}{key}: \"{value}\"{ending}", " ".repeat(indent)));
}

fn ending(line: &str) -> &str {
    let body = line.trim_end_matches(['\r', '\n']);
    line.get(body.len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const IMAGE: &str = "harbor.example:8443/payments_checkout/api";

    fn digest(digit: &str) -> Digest {
        format!("sha256:{}", digit.repeat(64)).parse().unwrap()
    }

    fn parsed(text: &str) -> Value {
        yaml_serde::from_str(text).unwrap()
    }

    /// What surrounds the entry, and how the entry is written.
    const TEXTS: [&str; 9] = [
        "images:\n  - name: service\n    newName: x\n    newTag: \"1.0.1\"\n",
        "a: 1\nimages: # ours\n\n# why\n- name: \"other\"\n  newTag: y\n- name: 'service' # this\n  newTag: x # tag\n\n  # here\nb: [1]\n",
        "images:\n  - newTag: v1\n    digest: sha256:00\n    name: service\nlabels:\n  - pairs: { name: service }\n",
        "images:\n  - name: service\n",
        "images:\n  - name: service",
        "images:\n  -   name: service\n      newName: x\n  - name: last\n    digest: d\n",
        "images:\r\n  - name: service\r\n    newTag: v1\r\n",
        "images:\n  - name: service\n    digest: \"sha256:11\" # old\n    newTag: v1\n",
        "resources: [x]\nimages:\n  - name: service\n    newName: \"a # b\"\n",
    ];

    #[test]
    fn the_entry_names_the_image_and_all_else_stays() {
        for text in TEXTS {
            let changed = with_image(text, IMAGE, &digest("a")).unwrap();
            let mut expected = parsed(text);
            let entry = expected["images"].as_array_mut().unwrap();
            let entry = entry.iter_mut().find(|entry| entry["name"] == "service").unwrap();
            *entry = json!({ "name": "service", "newName": IMAGE, "digest": digest("a").as_str() });
            assert_eq!(parsed(&changed), expected, "{text:?} became {changed:?}");
            for line in text.lines().filter(|line| line.contains('#')) {
                let comment = &line[line.rfind(" #").unwrap_or(0)..];
                let quoted = comment.ends_with('"');
                assert!(
                    quoted || changed.contains(comment),
                    "{comment:?} of {text:?} is gone"
                );
            }
            let crlf = text.contains("\r\n");
            assert!(
                changed.lines().count() > 0 && crlf == changed.contains("\r\n"),
                "{changed:?}"
            );
            // Twice changes nothing; another digest changes one line.
            assert_eq!(
                with_image(&changed, IMAGE, &digest("a")).as_deref(),
                Some(changed.as_str())
            );
            let other = with_image(&changed, IMAGE, &digest("b")).unwrap();
            let different = changed.lines().zip(other.lines()).filter(|(a, b)| a != b);
            assert_eq!(different.count(), 1);
            let read = image_of(&other).unwrap();
            assert_eq!(read.name.as_deref(), Some(IMAGE));
            assert_eq!(read.digest.as_deref(), Some(digest("b").as_str()));
        }
    }

    #[test]
    fn an_entry_that_is_right_stays_however_it_is_written() {
        let digest = digest("a");
        for text in [
            format!("images:\n- digest: {digest}\n  name: service\n  newName: {IMAGE}\n"),
            format!("images:\n- name: service\n  newName: '{IMAGE}' # x\n  digest: \"{digest}\"\n"),
        ] {
            assert_eq!(with_image(&text, IMAGE, &digest), Some(text));
        }
    }

    #[test]
    fn without_the_entry_there_is_nothing_to_change() {
        for text in [
            "",
            "images: []\n",
            "images: [{ name: service }]\n",
            "images:\n  - name: other\n    newName: service\nlabels:\n  - name: service\n",
            "other:\n  images:\n    - name: service\n",
            "# images:\n#  - name: service\n",
        ] {
            assert_eq!(with_image(text, IMAGE, &digest("a")), None, "{text:?}");
            assert_eq!(image_of(text), None);
        }
    }
}
