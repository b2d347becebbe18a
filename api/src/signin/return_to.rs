//! Where a browser goes once it is signed in: a path of this site, and nothing else.

use std::str::FromStr;

use url::Url;

const LONGEST: usize = 2000;

/// A path with query and fragment, on this site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The rule, for people.
    pub const RULE: &'static str = "must be a path of this site: begins with one `/`, printable ASCII, at most 2000 characters, not below /auth";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl FromStr for ReturnTo {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let printable = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        if !printable || text.len() > LONGEST || !text.starts_with('/') || text.starts_with("//") {
            return Err(());
        }
        // What browsers make of it, not what it looks like.
        let here = Url::parse("https://opstella.invalid/").map_err(|_| ())?;
        let there = here.join(text).map_err(|_| ())?;
        let path = there.path().to_ascii_lowercase();
        // Below /auth something would happen by itself.
        let by_itself = path == "/auth" || path.starts_with("/auth/") || path.starts_with("//");
        if there.origin() != here.origin() || by_itself {
            return Err(());
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site() {
        for good in [
            "/",
            "/projects/payments?tab=runs#x",
            "/a%2F%2Fb",
            "/authors",
            "/x?u=https://y/",
        ] {
            assert!(good.parse::<ReturnTo>().is_ok(), "{good}");
        }
        let long = format!("/{}", "x".repeat(LONGEST));
        for bad in [
            "",
            "x",
            "https://evil.example",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " /x",
            "/ä",
            "javascript:alert(1)",
            "/..//evil.example",
            "/.//evil.example",
            "/auth/clear-session",
            "/x/../auth/logout",
            "/AUTH/logout",
            "@evil.example",
            &long,
        ] {
            assert!(bad.parse::<ReturnTo>().is_err(), "{bad}");
        }
    }
}
