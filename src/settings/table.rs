//! The table of settings: what the page docs/settings.md and `template.yaml` say too.

/// The settings of one room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// Its rows of the table.
    pub settings: &'static [Setting],
    /// A variable whose name starts like this is meant for us; one we do not know is refused, not ignored.
    pub prefixes: &'static [&'static str],
}

/// One row of the table of settings, as docs/settings.md shows it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name of the environment variable.
    pub env: &'static str,
    /// Where its value comes from.
    pub origin: Origin,
    /// What holds when the variable is absent; `None` where there is no default.
    pub default: Option<&'static str>,
}

/// Where the value of a variable comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The parameter of this name in `template.yaml`.
    Parameter(&'static str),
    /// A resource of the stack.
    Resource,
    /// A developer: only local runs need it.
    Local,
}

impl Setting {
    /// A parameter that may be left empty.
    pub(crate) const fn optional(env: &'static str, parameter: &'static str) -> Self {
        Self { env, origin: Origin::Parameter(parameter), default: None }
    }

    /// A parameter with a default.
    pub(crate) const fn with_default(env: &'static str, parameter: &'static str, default: &'static str) -> Self {
        Self { env, origin: Origin::Parameter(parameter), default: Some(default) }
    }

    /// A variable that the stack sets from a resource.
    pub(crate) const fn resource(env: &'static str) -> Self {
        Self { env, origin: Origin::Resource, default: None }
    }

    /// A variable of local runs.
    pub(crate) const fn local(env: &'static str) -> Self {
        Self { env, origin: Origin::Local, default: None }
    }
}
