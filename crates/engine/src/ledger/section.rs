//! Parts of records that the ledger stores for other modules.

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Members that the ledger stores without interpreting them, complete and in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section(Vec<(String, Value)>);

impl Section {
    /// Creates a section from the members of `object`.
    ///
    /// # Panics
    ///
    /// If `object` does not serialize as a JSON object.
    pub fn of(object: &impl Serialize) -> Self {
        let json = serde_json::to_vec(object).expect("values serialize into memory");
        serde_json::from_slice(&json).expect("a section is an object")
    }

    /// Appends the members of `other`.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Parses the members as the type of their owner.
    ///
    /// # Errors
    ///
    /// If the members do not match that type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(Value::Object(self.0.iter().cloned().collect()))
    }
}

impl Serialize for Section {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Section {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Section;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Section, A::Error> {
                let mut section = Section::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if section.get(&name).is_some() {
                        return Err(A::Error::custom(format!("the member {name} occurs twice")));
                    }
                    section.0.push((name, value));
                }
                Ok(section)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_those_that_nobody_knows_are_kept() {
        let line = r#"{"z":1,"a":{"b":[1.50,"x"]},"new":null}"#;
        let section: Section = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&section).unwrap(), line.replace("1.50", "1.5"));
        assert_eq!(section.get("z"), Some(&Value::from(1)));
        assert!(serde_json::from_str::<Section>(r#"{"a":1,"a":2}"#).is_err());
    }
}
