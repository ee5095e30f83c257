//! A value with its file and its place in it, for errors that can be found.

use serde_json::Value;

/// Why a directory cannot be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFault {
    /// File, relative to the root of the configuration.
    pub file: String,
    /// Field in it, empty for the file as a whole.
    pub field: String,
    /// What is wrong.
    pub fault: String,
}

impl std::fmt::Display for ReadFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.file)?;
        if !self.field.is_empty() {
            write!(f, ", field `{}`", self.field)?;
        }
        write!(f, ": {}", self.fault)
    }
}

impl std::error::Error for ReadFault {}

impl ReadFault {
    /// A fault of a whole file.
    pub(super) fn file(file: &str, fault: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            field: String::new(),
            fault: fault.into(),
        }
    }
}

/// A value somewhere in a file.
#[derive(Debug, Clone)]
pub(super) struct Field<'v> {
    file: &'v str,
    path: String,
    value: &'v Value,
}

impl<'v> Field<'v> {
    /// A whole file.
    pub(super) const fn root(file: &'v str, value: &'v Value) -> Self {
        Self {
            file,
            path: String::new(),
            value,
        }
    }

    /// A fault here.
    pub(super) fn fault(&self, fault: impl Into<String>) -> ReadFault {
        ReadFault {
            file: self.file.to_owned(),
            field: self.path.clone(),
            fault: fault.into(),
        }
    }

    /// File and path, as one text.
    pub(super) fn place(&self) -> String {
        format!("{}#{}", self.file, self.path)
    }

    /// The entry of this name; absent and null are the same.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(self.inside(key, value))
    }

    /// The entry of this name.
    pub(super) fn need(&self, key: &str) -> Result<Self, ReadFault> {
        self.get(key)
            .ok_or_else(|| self.fault(format!("`{key}` is missing")))
    }

    fn inside(&self, key: &str, value: &'v Value) -> Self {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        Self {
            file: self.file,
            path,
            value,
        }
    }

    /// Text.
    pub(super) fn text(&self) -> Result<&'v str, ReadFault> {
        self.value
            .as_str()
            .ok_or_else(|| self.fault(format!("text is expected, not {}", kind(self.value))))
    }

    /// The text of an entry, empty when it is absent.
    pub(super) fn text_of(&self, key: &str) -> Result<&'v str, ReadFault> {
        self.get(key).map_or(Ok(""), |field| field.text())
    }

    /// The flag of an entry, `otherwise` when it is absent.
    pub(super) fn flag_of(&self, key: &str, otherwise: bool) -> Result<bool, ReadFault> {
        let Some(field) = self.get(key) else {
            return Ok(otherwise);
        };
        field.value.as_bool().ok_or_else(|| {
            field.fault(format!(
                "true or false is expected, not {}",
                kind(field.value)
            ))
        })
    }

    /// A whole number that fits.
    pub(super) fn number<N: TryFrom<u64>>(&self) -> Result<N, ReadFault> {
        let number = self
            .value
            .as_u64()
            .and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| self.fault("a whole number in range is expected"))
    }

    /// The elements of a list entry, none when it is absent.
    pub(super) fn list_of(&self, key: &str) -> Result<Vec<Self>, ReadFault> {
        let Some(field) = self.get(key) else {
            return Ok(Vec::new());
        };
        let Value::Array(elements) = field.value else {
            return Err(field.fault(format!("a list is expected, not {}", kind(field.value))));
        };
        let elements = elements.iter().enumerate().map(|(index, value)| Self {
            file: field.file,
            path: format!("{}[{index}]", field.path),
            value,
        });
        Ok(elements.collect())
    }

    /// The texts of a list entry, none when it is absent.
    pub(super) fn texts_of(&self, key: &str) -> Result<Vec<String>, ReadFault> {
        let elements = self.list_of(key)?;
        let texts = elements
            .iter()
            .map(|element| element.text().map(str::to_owned));
        texts.collect()
    }

    /// Refuses entries that are neither read nor known to leave the way of calls alone.
    pub(super) fn only(&self, read: &[&str], harmless: &[&str]) -> Result<(), ReadFault> {
        let Value::Object(entries) = self.value else {
            return Err(self.fault(format!("a map is expected, not {}", kind(self.value))));
        };
        for (key, value) in entries {
            let known = read.contains(&key.as_str()) || harmless.contains(&key.as_str());
            if !known && !value.is_null() {
                return Err(self.inside(key, value).fault(NOT_UNDERSTOOD));
            }
        }
        Ok(())
    }

    /// The type that `@type` gives, without its URL; empty when there is none.
    pub(super) fn kind(&self) -> Result<&'v str, ReadFault> {
        let url = self.text_of("@type")?;
        Ok(url.rsplit('/').next().unwrap_or_default())
    }
}

/// Said of everything that may change where calls go.
pub(super) const NOT_UNDERSTOOD: &str =
    "not understood: it may change where calls go, and the answer would be a guess";

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false (quote text such as `no` and `on`)",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
