//! Short forms in which the generated tables are written.

pub(super) use super::Kind::*;
pub(super) use super::{Api, Field, Message, Role, RoleSet, Versions};
use super::{Kind, Tag};

/// A field without a role that is neither null nor tagged in any version.
pub(super) const fn field(name: &'static str, kind: Kind, versions: Versions) -> Field {
    Field { name, role: Role::None, kind, versions, nullable: Versions::NONE, tag: None }
}

/// Every version from this one on, those included that do not exist yet.
pub(super) const fn since(first: u8) -> Versions {
    Versions::new(first, u8::MAX)
}

/// From the first to the last version, both included.
pub(super) const fn only(first: u8, last: u8) -> Versions {
    Versions::new(first, last)
}

impl Field {
    /// The same field with a role.
    pub(super) const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// The same field, null allowed in these versions.
    pub(super) const fn nullable(mut self, versions: Versions) -> Self {
        self.nullable = versions;
        self
    }

    /// The same field, tagged in these versions.
    pub(super) const fn tag(mut self, number: u8, versions: Versions) -> Self {
        self.tag = Some(Tag { number, versions });
        self
    }
}
