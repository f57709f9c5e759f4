//! A few values by name in one piece of memory: every link has some, and most change them rarely.

/// Values by name. Each stands behind its lengths: `4:3:name` and `val`.
#[derive(Debug, Default)]
pub(super) struct Packed(Box<str>);

/// Room for a length and what ends it; of longer ones, more is made.
const DIGITS: usize = 4;

/// One value among the others.
struct Entry<'a> {
    name: &'a str,
    value: &'a str,
    /// The whole entry.
    text: &'a str,
}

impl Packed {
    /// The value under `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.entries().find(|entry| entry.name == name).map(|entry| entry.value)
    }

    /// Adds `added`, in place of what has these names.
    pub(super) fn set(&mut self, added: &[(&str, &str)]) {
        self.change(added, |name| added.iter().any(|(added, _)| *added == name));
    }

    /// Removes what is called one of `names`. Without values, no memory is held.
    pub(super) fn unset(&mut self, names: &[&str]) {
        self.change(&[], |name| names.contains(&name));
    }

    fn change(&mut self, added: &[(&str, &str)], goes: impl Fn(&str) -> bool) {
        let mut number = itoa::Buffer::new();
        let new = added.iter().map(|(name, value)| name.len() + value.len() + 2 * DIGITS);
        // In one piece from the first.
        let mut text = String::with_capacity(self.0.len() + new.sum::<usize>());
        for entry in self.entries().filter(|entry| !goes(entry.name)) {
            text.push_str(entry.text);
        }
        for (name, value) in added {
            for part in [name, value] {
                text.push_str(number.format(part.len()));
                text.push(':');
            }
            text.push_str(name);
            text.push_str(value);
        }
        self.0 = text.into();
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (entry, behind) = first(rest)?;
            rest = behind;
            Some(entry)
        })
    }
}

/// The first entry of `text`, and what is behind it.
fn first(text: &str) -> Option<(Entry<'_>, &str)> {
    let (name, rest) = text.split_once(':')?;
    let (value, rest) = rest.split_once(':')?;
    let (name, behind) = rest.split_at_checked(name.parse().ok()?)?;
    let (value, behind) = behind.split_at_checked(value.parse().ok()?)?;
    Some((Entry { name, value, text: &text[..text.len() - behind.len()] }, behind))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_whatever_names_and_values_contain(
            changes: Vec<(String, Option<String>)>, few in prop::collection::vec("[a-c:1]{0,2}", 0..20),
        ) {
            let (mut packed, mut map) = (Packed::default(), BTreeMap::new());
            let few = few.iter().zip(0..).map(|(name, n)| {
                (name.clone(), (n % 3 > 0).then(|| format!("{n}:{name}")))
            });
            for (name, value) in few.chain(changes) {
                if let Some(value) = value {
                    packed.set(&[(&name, &value)]);
                    map.insert(name, value);
                } else {
                    packed.unset(&[&name]);
                    map.remove(&name);
                }
                for (name, value) in &map {
                    prop_assert_eq!(packed.get(name), Some(&**value));
                }
                prop_assert_eq!(packed.entries().count(), map.len());
            }
            let names: Vec<&str> = map.keys().map(String::as_str).collect();
            let all: Vec<_> = map.iter().map(|(name, value)| (&**name, &**value)).collect();
            packed.set(&all);
            prop_assert_eq!(packed.entries().count(), map.len(), "together");
            packed.unset(&names);
            prop_assert!(packed.0.is_empty(), "no memory is held");
        }
    }
}
