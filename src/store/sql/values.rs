//! Values of statements and of rows: integers, texts and bytes, and nothing else.

use crate::store::StoreError;
use std::path::PathBuf;
use std::time::Duration;
use tidings_core::id::OrganizationId;

/// A length of time as it is stored.
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A value of a statement or of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// A number, a truth, a moment.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// What can be a value of a statement.
pub trait AsValue {
    /// As a value.
    fn value(&self) -> Value<'_>;
}

macro_rules! as_int {
    ($($kind:ty),*) => {$(
        impl AsValue for $kind {
            fn value(&self) -> Value<'_> {
                Value::Int(i64::from(*self))
            }
        }
    )*};
}

as_int!(i64, u32, u16, u8, bool);

impl AsValue for usize {
    fn value(&self) -> Value<'_> {
        Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl AsValue for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl AsValue for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<const N: usize> AsValue for [u8; N] {
    fn value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<T: AsValue + ?Sized> AsValue for &T {
    fn value(&self) -> Value<'_> {
        (*self).value()
    }
}

impl<T: AsValue + ?Sized> AsValue for Box<T> {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: AsValue + ?Sized> AsValue for std::sync::Arc<T> {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: AsValue> AsValue for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, AsValue::value)
    }
}

/// The values of a statement, in the order of their numbers.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::sql::database::AsValue::value(&$value)),*]
    };
}
pub(crate) use values;

/// What a column of a row can be read as.
pub trait Field: Sized {
    /// The value; `None` when it is of another kind or out of range.
    fn of(value: Value<'_>) -> Option<Self>;
}

macro_rules! field_of_int {
    ($($kind:ty),*) => {$(
        impl Field for $kind {
            fn of(value: Value<'_>) -> Option<Self> {
                match value {
                    Value::Int(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

field_of_int!(i64, u64, u32, u16, u8);

impl Field for bool {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl Field for String {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl Field for Vec<u8> {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.to_owned()),
            _ => None,
        }
    }
}

impl Field for Box<[u8]> {
    fn of(value: Value<'_>) -> Option<Self> {
        Vec::of(value).map(Into::into)
    }
}

impl<const N: usize> Field for [u8; N] {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => bytes.try_into().ok(),
            _ => None,
        }
    }
}

impl Field for OrganizationId {
    fn of(value: Value<'_>) -> Option<Self> {
        i64::of(value).and_then(Self::new)
    }
}

impl<T: Field> Field for Option<T> {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::of(value).map(Some),
        }
    }
}

/// A row of an answer.
pub trait Row {
    /// The value of a column, counted from 0.
    ///
    /// # Errors
    /// There is no such column, or it is of a kind the store never writes.
    fn value(&self, column: usize) -> Result<Value<'_>, StoreError>;
}

impl dyn Row + '_ {
    /// A column as what it is.
    ///
    /// # Errors
    /// The value is of another kind or out of range: damage, since the schema's checks let nothing else in.
    pub fn get<T: Field>(&self, column: usize) -> Result<T, StoreError> {
        T::of(self.value(column)?).ok_or_else(|| unreadable(column, std::any::type_name::<T>()))
    }

    /// A column that is a text.
    ///
    /// # Errors
    /// It is none.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.text_or_null(column)?
            .ok_or_else(|| unreadable(column, "text"))
    }

    /// A column that is a text or nothing.
    ///
    /// # Errors
    /// It is something else.
    pub fn text_or_null(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => Err(unreadable(column, "text")),
        }
    }

    /// A column that is bytes.
    ///
    /// # Errors
    /// It is something else.
    pub fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        match self.value(column)? {
            Value::Blob(bytes) => Ok(bytes),
            _ => Err(unreadable(column, "bytes")),
        }
    }
}

/// The error of a stored value that its type does not hold: damage.
pub fn unreadable(column: usize, what: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged {
        path: PathBuf::new(),
        what: format!("a stored value cannot be read as {what} (column {column} of a row)"),
    }
}
