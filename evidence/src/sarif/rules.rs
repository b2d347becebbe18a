//! Finding the rule of a result: by index, or by id.

use std::collections::HashMap;

use super::model::{Component, Outcome, Rule, Tool};
use crate::json::Text;

/// The rules of a run.
pub(super) struct Rules<'a> {
    tool: &'a Tool<'a>,
    by_id: HashMap<&'a str, &'a Rule<'a>>,
}

impl<'a> Rules<'a> {
    /// Those of a tool; none if it has too many.
    pub(super) fn new(tool: &'a Tool<'a>) -> Option<Self> {
        let components = || std::iter::once(&tool.driver).chain(&tool.extensions.entries);
        if tool.extensions.over || components().any(|component| component.rules.over) {
            return None;
        }
        let mut by_id = HashMap::new();
        for rule in components().flat_map(|component| &component.rules.entries) {
            // The tool's own before those of extensions.
            by_id.entry(Text::or_empty(&rule.id)).or_insert(rule);
        }
        Some(Self { tool, by_id })
    }

    /// The rule of a result, if the report describes it.
    pub(super) fn of(&self, result: &Outcome<'_>) -> Option<&'a Rule<'a>> {
        let reference = result.rule.as_ref();
        let extension = reference
            .and_then(|rule| rule.tool_component.as_ref()?.index)
            .and_then(|index| usize::try_from(index).ok());
        let component: Option<&'a Component<'a>> = match extension {
            Some(index) => self.tool.extensions.entries.get(index),
            None => Some(&self.tool.driver),
        };
        let index = result.rule_index.or_else(|| reference?.index);
        let index = index.and_then(|index| usize::try_from(index).ok());
        index
            .and_then(|index| component?.rules.entries.get(index))
            .or_else(|| self.by_name(named(result)))
    }

    /// By id. SARIF 3.27.5: an id may name a part of its rule, as `CA1000/1`.
    fn by_name(&self, id: &str) -> Option<&'a Rule<'a>> {
        let parent = || Some(id.rsplit_once('/')?.0);
        let found = self.by_id.get(id).or_else(|| self.by_id.get(parent()?));
        found.copied().filter(|_| !id.is_empty())
    }

    /// What a result's rule is called.
    pub(super) fn id<'r>(&self, result: &'r Outcome<'_>) -> &'r str
    where
        'a: 'r,
    {
        match named(result) {
            "" => self.of(result).map_or("", |rule| Text::or_empty(&rule.id)),
            id => id,
        }
    }
}

fn named<'r>(result: &'r Outcome<'_>) -> &'r str {
    let of_reference = || result.rule.as_ref()?.id.as_ref();
    result
        .rule_id
        .as_ref()
        .or_else(of_reference)
        .map_or("", Text::as_str)
}
