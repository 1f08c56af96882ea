//! What the catalog knows, asked the way the emulator needs it.

use outcrop_catalog::Catalog;

/// A model or profile as one Region sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may be invoked by this id.
    Invocable,
    /// It exists here, but only through an inference profile.
    ProfileOnly,
    /// It is no longer served.
    Retired,
    /// It is not known, or not here.
    Unknown,
}

/// The facts, shared by all requests.
#[derive(Debug)]
pub(crate) struct Facts {
    #[allow(dead_code)]
    catalog: Catalog,
}

impl Facts {
    /// The built-in catalog.
    pub(crate) fn built_in() -> Self {
        Self { catalog: Catalog::built_in() }
    }

    /// How a bare model id stands in a Region.
    pub(crate) fn standing(&self, _model: &str, _region: &str) -> Standing {
        Standing::Invocable
    }

    /// The model behind a system profile that may be called from a Region.
    pub(crate) fn model_of_profile(&self, profile: &str, _region: &str) -> Option<String> {
        profile.strip_prefix("us.").map(str::to_owned)
    }

    /// The foundation-model ARNs that a system profile routes to from a Region, in AWS's form.
    pub(crate) fn destinations(&self, profile: &str, region: &str) -> Option<Vec<String>> {
        let model = self.model_of_profile(profile, region)?;
        Some(["us-east-1", "us-east-2", "us-west-2"].iter().map(|region| model_arn(region, &model)).collect())
    }
}

/// `arn:aws:bedrock:REGION::foundation-model/ID`.
pub(crate) fn model_arn(region: &str, model: &str) -> String {
    format!("arn:aws:bedrock:{region}::foundation-model/{model}")
}
