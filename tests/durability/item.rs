//! A message or an event that was sent: what it is, where the server put it, and which states
//! of it were requested.

use std::collections::BTreeMap;

use crate::event_id::Id;
use crate::register::{Misfit, Register, Time};
use crate::shown::{Reactions, Shown};

/// What a writer sends for the first time.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) room: String,
    /// The name of the sender or of the event.
    pub(crate) title: String,
    pub(crate) is_event: bool,
    /// The client id, which is also the first word of each text.
    pub(crate) label: String,
    pub(crate) text: String,
    pub(crate) reply_to: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) sent: Sent,
    /// `None` is the deletion.
    pub(crate) texts: Register<Option<String>>,
    /// Whether each owner's reaction is there, by emoji and name.
    pub(crate) reactions: BTreeMap<(String, String), Register<bool>>,
    /// Once it was answered or shown.
    pub(crate) place: Option<Place>,
    /// The server has refused it.
    pub(crate) is_refused: bool,
}

/// Where it stands, for ever.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) id: Id,
    pub(crate) number: Option<u64>,
    created_at: Option<String>,
    pub(crate) known_at: Time,
}

/// What is wrong with what was shown of an item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It has another id than before.
    Twice { first: Id },
    /// It was never sent so.
    Altered(String),
    /// It is in a state that was replaced before.
    Undone(String),
}

impl Item {
    pub(crate) fn new(sent: Sent) -> Self {
        Self {
            texts: Register::new(Some(sent.text.clone())),
            reactions: BTreeMap::new(),
            place: None,
            is_refused: false,
            sent,
        }
    }

    /// It is published again, since its first place was evicted before the answer.
    pub(crate) fn begin_again(&mut self) {
        self.place = None;
        self.reactions.clear();
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.texts.last().is_none()
    }

    /// The reactions that are there when nothing is pending.
    pub(crate) fn last_reactions(&self) -> Reactions {
        let set = self
            .reactions
            .iter()
            .filter(|(_, register)| *register.last());
        set.map(|(pair, _)| pair.clone()).collect()
    }

    /// Checks what was shown of it, as the answer to a request of the time `since`.
    pub(crate) fn observe(&mut self, shown: &Shown, since: Time, now: Time) -> Result<(), Wrong> {
        self.check_place(shown, now)?;
        let text = shown.text().map(str::to_owned);
        let version = self.texts.observe(&text, since, now);
        let version = version.map_err(|misfit| wrong(misfit, format!("text {text:?}")))?;
        let reactions = shown.reactions().map_err(Wrong::Altered)?;
        if shown.deleted {
            return Ok(());
        }
        if shown.edited_at.is_some() != (version > 0) {
            let edited_at = &shown.edited_at;
            let what = format!("edited_at {edited_at:?} of version {version}");
            return Err(Wrong::Altered(what));
        }
        self.check_reactions(&reactions, since, now)
    }

    fn check_place(&mut self, shown: &Shown, now: Time) -> Result<(), Wrong> {
        let place = self.place.get_or_insert_with(|| Place {
            id: shown.id.clone(),
            number: shown.number,
            created_at: None,
            known_at: now,
        });
        if place.id != shown.id {
            let first = place.id.clone();
            return Err(Wrong::Twice { first });
        }
        if place.created_at.is_none() {
            place.created_at.clone_from(&shown.created_at);
        }
        let is_same_time = shown.created_at.is_none() || shown.created_at == place.created_at;
        let is_same = is_same_time
            && place.number == shown.number
            && shown.number.is_none() == self.sent.is_event
            && shown.room == self.sent.room
            && shown.deleted == shown.text().is_none();
        let is_titled = shown.deleted
            || shown.title() == Some(&*self.sent.title) && shown.reply_to == self.sent.reply_to;
        match is_same && is_titled && !self.is_refused {
            true => Ok(()),
            false => Err(Wrong::Altered(format!("{:?} {place:?}", self.sent))),
        }
    }

    fn check_reactions(&mut self, shown: &Reactions, since: Time, now: Time) -> Result<(), Wrong> {
        if let Some(unknown) = shown
            .iter()
            .find(|pair| !self.reactions.contains_key(*pair))
        {
            return Err(Wrong::Altered(format!("reaction {unknown:?}")));
        }
        for (pair, register) in &mut self.reactions {
            let observed = register.observe(&shown.contains(pair), since, now);
            observed.map_err(|misfit| {
                wrong(
                    misfit,
                    format!(
                        "reaction {pair:?}: not {} at {since} in {register:?}",
                        shown.contains(pair)
                    ),
                )
            })?;
        }
        Ok(())
    }
}

fn wrong(misfit: Misfit, what: String) -> Wrong {
    match misfit {
        Misfit::Unknown => Wrong::Altered(what),
        Misfit::Undone => Wrong::Undone(what),
    }
}
