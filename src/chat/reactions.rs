//! The reactions to a message, each with its owner.

use std::borrow::Cow;

use super::author::{FINGERPRINT_BYTES, Fingerprint};
use crate::protocol::{Emoji, ReactionSummary, UserName};

/// Most different emoji of a message.
pub(super) const MAX_EMOJI: usize = 20;
/// Most reactions of a message.
pub(super) const MAX_REACTIONS: usize = 500;

/// The reactions to a message, by emoji, in the order of the first of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reactions(Vec<ReactionGroup>);

/// All reactions with one emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ReactionGroup {
    emoji: Emoji,
    /// Each owner with the name under which it reacted, in order.
    owners: Vec<(Fingerprint, UserName)>,
}

/// A message has as many reactions as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManyReactions;

impl Reactions {
    /// Adds a reaction. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// [`TooManyReactions`] if there are too many, or too many emoji.
    pub(super) fn add(
        &mut self,
        emoji: Emoji,
        owner: Fingerprint,
        name: &UserName,
    ) -> Result<bool, TooManyReactions> {
        let group = self.0.iter().position(|group| group.emoji == emoji);
        let is_known = |group: usize| {
            self.0[group]
                .owners
                .iter()
                .any(|(known, _)| *known == owner)
        };
        if group.is_some_and(is_known) {
            return Ok(false);
        }
        if self.len() >= MAX_REACTIONS || group.is_none() && self.0.len() >= MAX_EMOJI {
            return Err(TooManyReactions);
        }
        let reaction = (owner, name.clone());
        match group {
            Some(group) => self.0[group].owners.push(reaction),
            None => self.0.push(ReactionGroup {
                emoji,
                owners: vec![reaction],
            }),
        }
        Ok(true)
    }

    /// Takes back the owner's reaction with this emoji. Returns whether there was
    /// one.
    pub(super) fn remove(&mut self, emoji: Emoji, owner: Fingerprint) -> bool {
        let Some(index) = self.0.iter().position(|group| group.emoji == emoji) else {
            return false;
        };
        let owners = &mut self.0[index].owners;
        let before = owners.len();
        owners.retain(|(known, _)| *known != owner);
        let is_changed = owners.len() < before;
        if owners.is_empty() {
            self.0.remove(index);
        }
        is_changed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each reaction with its owner and the owner's name, in order.
    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Emoji, Fingerprint, &UserName)> {
        self.0.iter().flat_map(|group| {
            let owners = group.owners.iter();
            owners.map(|(owner, name)| (group.emoji, *owner, name))
        })
    }

    /// Reactions that were stored, in the order of [`Self::iter`].
    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn restore(stored: impl Iterator<Item = (Emoji, Fingerprint, UserName)>) -> Self {
        let mut groups = Vec::<ReactionGroup>::new();
        for (emoji, owner, name) in stored {
            match groups.last_mut() {
                Some(group) if group.emoji == emoji => group.owners.push((owner, name)),
                _ => groups.push(ReactionGroup {
                    emoji,
                    owners: vec![(owner, name)],
                }),
            }
        }
        Self(groups)
    }

    fn len(&self) -> usize {
        self.0.iter().map(|group| group.owners.len()).sum()
    }

    /// What readers see of them.
    pub(super) fn summaries(&self) -> Vec<ReactionSummary<'static>> {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        let summary = |group: &ReactionGroup| {
            let names = group.owners.iter().take(ReactionSummary::MAX_NAMES);
            ReactionSummary {
                emoji: owned(group.emoji.as_str()),
                count: group.owners.len() as u64,
                names: names.map(|(_, name)| owned(name.as_str())).collect(),
            }
        };
        self.0.iter().map(summary).collect()
    }

    /// The bytes that count against the history's limits.
    pub(super) fn cost(&self) -> usize {
        let owners = |group: &ReactionGroup| -> usize {
            let names = group.owners.iter().map(|(_, name)| name.as_str().len());
            names.map(|name| FINGERPRINT_BYTES + 16 + name).sum()
        };
        let groups = self.0.iter();
        groups
            .map(|group| group.emoji.as_str().len() + 64 + owners(group))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::EditKey;

    fn owner(number: usize) -> Fingerprint {
        Fingerprint::of_edit_key(&EditKey::parse(&format!("{number:016}")).unwrap())
    }

    fn emoji(text: &str) -> Emoji {
        Emoji::parse(text).unwrap()
    }

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    #[test]
    fn an_owner_reacts_once_with_an_emoji_and_takes_back_only_its_own() {
        let mut reactions = Reactions::default();
        let thumb = emoji("👍");
        assert_eq!(reactions.add(thumb, owner(1), &name("Ada")), Ok(true));
        assert_eq!(reactions.add(thumb, owner(1), &name("Bob")), Ok(false));
        assert_eq!(reactions.add(thumb, owner(2), &name("Bob")), Ok(true));
        assert_eq!(reactions.add(emoji("🎉"), owner(2), &name("Bob")), Ok(true));
        assert!(!reactions.remove(thumb, owner(3)) && !reactions.remove(emoji("🚀"), owner(1)));
        let shown = |reactions: &Reactions| serde_json::to_string(&reactions.summaries()).unwrap();
        assert_eq!(
            shown(&reactions),
            r#"[{"emoji":"👍","count":2,"names":["Ada","Bob"]},{"emoji":"🎉","count":1,"names":["Bob"]}]"#
        );
        assert!(reactions.remove(thumb, owner(1)) && reactions.remove(thumb, owner(2)));
        assert_eq!(
            shown(&reactions),
            r#"[{"emoji":"🎉","count":1,"names":["Bob"]}]"#
        );
        assert!(reactions.remove(emoji("🎉"), owner(2)) && reactions.is_empty());
    }

    #[test]
    fn emoji_reactions_and_names_are_bounded() {
        let animals = "🐀🐁🐂🐃🐄🐅🐆🐇🐈🐉🐊🐋🐌🐍🐎🐏🐐🐑🐒🐓🐔";
        let animals: Vec<Emoji> = animals.chars().map(|c| emoji(&c.to_string())).collect();
        let mut reactions = Reactions::default();
        for animal in &animals[..MAX_EMOJI] {
            assert_eq!(reactions.add(*animal, owner(0), &name("Ada")), Ok(true));
        }
        let beyond = reactions.add(animals[MAX_EMOJI], owner(0), &name("Ada"));
        assert_eq!(beyond, Err(TooManyReactions));
        let mut reactions = Reactions::default();
        for number in 0..MAX_REACTIONS {
            let name = name(&format!("n{number}"));
            assert_eq!(reactions.add(animals[0], owner(number), &name), Ok(true));
        }
        let one_more = reactions.add(animals[0], owner(MAX_REACTIONS), &name("x"));
        assert_eq!(one_more, Err(TooManyReactions));
        assert_eq!(reactions.add(animals[0], owner(1), &name("x")), Ok(false));
        let summary = &reactions.summaries()[0];
        assert_eq!((summary.count, summary.names.len()), (500, 10));
        assert!(reactions.cost() > 500 * FINGERPRINT_BYTES);
    }
}
