//! From a delivery to what a bin caught of it.

use semnal_core::application::DEFAULT_ORGANISATION;
use semnal_core::id::{BinId, IdKind, MessageId};
use semnal_core::name::Uid;
use semnal_store::bins::BinState;

use crate::api::{ApiState, BinsApi, bins};
use crate::console::page::Page;
use crate::console::viewer::Viewer;

/// Where a delivery to a bin of this server can be looked at from the receiver's side.
pub(in crate::console) struct Lead {
    /// A page of the console.
    pub(in crate::console) path: String,
    /// The page shows the request itself; else the bin, which holds none of this delivery.
    pub(in crate::console) is_request: bool,
}

/// Returns where to look at a message that went to a URL; `None` when that is no bin's URL, or that of one which the viewer
/// may not see. Of several captures of the message the newest counts.
pub(in crate::console) async fn lead(
    page: &Page,
    viewer: &Viewer,
    url: &str,
    message: MessageId,
) -> Option<Lead> {
    viewer.manages().ok()?;
    let (api, of_server) = (&page.console.api, page.console.api.bins.as_ref().ok()?);
    let state = bin(api, of_server, bin_name(url, &of_server.base_url)?)?;
    if state.bin.organisation != viewer.organisation {
        return None;
    }
    let path = format!("/bins/{}", bins::public_id(api.store.ids(), state.bin.id));
    match of_server.bins.last_of_message(state.bin.id, message).await {
        Ok(Some(number)) => Some(Lead { path: format!("{path}/requests/{number}"), is_request: true }),
        Ok(None) => Some(Lead { path, is_request: false }),
        Err(error) => {
            tracing::error!(error = %error, "what a bin caught of a delivery cannot be read");
            Some(Lead { path, is_request: false })
        }
    }
}

/// Finds a bin as its listener does: by its id, or by its uid in the default organisation.
fn bin(api: &ApiState, of_server: &BinsApi, name: &str) -> Option<BinState> {
    if let Ok((_, key)) = api.store.ids().decode(IdKind::Bin, name) {
        return of_server.bins.get(BinId(key));
    }
    let configuration = api.store.configuration();
    let default = configuration.organisation_by_name(DEFAULT_ORGANISATION)?;
    of_server.bins.by_uid(default.id, &Uid::parse(name).ok()?)
}

/// Returns what a URL of the bins' listener calls the bin: the first segment of its path.
fn bin_name<'a>(url: &'a str, base_url: &str) -> Option<&'a str> {
    let rest = url.strip_prefix(base_url)?.strip_prefix('/')?;
    rest.split(['/', '?', '#']).next().filter(|it| !it.is_empty())
}
