//! What a key made at run time may name: some models, or one inference profile ("profile as tenant").

use std::sync::Arc;

use outcrop_catalog::{Catalog, Context, Resolution};
use outcrop_texts::{self as texts, Text};
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::Dialect;

use crate::access::Caller;
use crate::failure::Failure;
use crate::state::{Route, State};

impl State {
    /// The route of what a caller names, as far as its key allows it.
    ///
    /// A key that is bound to a profile goes through it also when it names the model behind: the client need not know.
    pub(crate) async fn route_of(
        &self,
        caller: &Caller,
        identifier: &str,
        dialect: Dialect,
    ) -> Result<Arc<Route>, Failure> {
        let route = self.route(caller, identifier, dialect).await?;
        let Some(key) = &caller.key else { return Ok(route) };
        if !names_one_of(&key.models, &route.resolution) {
            return Err(refused(texts::key_names_models(&key.name, identifier, key.models.join(", "))));
        }
        let Some(profile) = &key.profile else { return Ok(route) };
        let bound = self.route(caller, profile, dialect).await?;
        if !is_meant(&bound.resolution, &route.resolution) {
            return Err(refused(texts::key_names_profile(&key.name, identifier, profile)));
        }
        let already = bound.resolution.target == route.resolution.target;
        Ok(if already { route } else { Arc::new(through(&bound, identifier, &key.name)) })
    }
}

/// What a key may be offered, in a catalog; `None` for a caller that may name everything.
pub(crate) fn offered<'a>(
    caller: &'a Caller,
    catalog: &Catalog,
    context: &Context,
) -> Option<impl Fn(&Resolution) -> bool + 'a> {
    let key = caller.key.as_ref()?;
    let bound = key.profile.as_ref().map(|profile| catalog.resolve(profile, context).ok());
    Some(move |resolution: &Resolution| {
        let within = match &bound {
            None => true,
            Some(bound) => bound.as_ref().is_some_and(|bound| is_meant(bound, resolution)),
        };
        within && names_one_of(&key.models, resolution)
    })
}

/// Whether a key is limited in what it may name: it must not change what the names mean, nor see what others do.
pub(crate) fn is_bound(caller: &Caller) -> bool {
    caller.key.as_ref().is_some_and(|key| key.profile.is_some() || !key.models.is_empty())
}

/// Whether a resolution is the bound profile, or the model behind it.
fn is_meant(bound: &Resolution, resolution: &Resolution) -> bool {
    let model_of = |resolution| model(resolution).map(str::to_owned);
    bound.target == resolution.target || (model(bound).is_some() && model_of(bound) == model_of(resolution))
}

/// Whether a list of models lets a resolution pass; an empty one lets all.
fn names_one_of(models: &[String], resolution: &Resolution) -> bool {
    let is = |allowed: &str| {
        allowed == resolution.identifier
            || allowed == resolution.target
            || model(resolution).is_some_and(|model| model == allowed)
    };
    models.is_empty() || models.iter().any(|allowed| is(allowed))
}

fn model(resolution: &Resolution) -> Option<&str> {
    resolution.model.as_ref().map(|model| model.id.as_str())
}

/// The profile's route, under the name that the client wrote, and with a notice.
fn through(bound: &Route, identifier: &str, key: &str) -> Route {
    let mut resolution = Resolution::clone(&bound.resolution);
    let notice =
        format!("the key {key} is bound to {}, which is called for {identifier}", resolution.identifier);
    resolution.notices.push(notice);
    identifier.clone_into(&mut resolution.identifier);
    let mut route = bound.clone();
    route.resolution = Arc::new(resolution);
    route
}

fn refused(text: Text) -> Failure {
    Failure::new(ErrorKind::AccessDenied, text)
}
