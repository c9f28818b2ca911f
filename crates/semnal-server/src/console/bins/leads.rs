//! From a delivery to what a bin caught of it.

use semnal_core::id::MessageId;

use crate::api::{View, bins};
use crate::console::page::Page;
use crate::console::problem::Problem;
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
) -> Result<Option<Lead>, Problem> {
    let (api, Ok(()), Ok(of_server)) = (&page.console.api, viewer.manages(), &page.console.api.bins) else {
        return Ok(None);
    };
    let Some(name) = bin_name(url, &of_server.base_url) else { return Ok(None) };
    let Ok(state) = bins::find(api, of_server, View::whole(viewer.organisation), name) else {
        return Ok(None);
    };
    let all = of_server.bins.of_message(viewer.organisation, message).await?;
    let bin = format!("/bins/{}", bins::public_id(api.store.ids(), state.bin.id));
    let caught = all.iter().find(|it| it.id.bin == state.bin.id);
    Ok(Some(match caught {
        Some(it) => Lead { path: format!("{bin}/requests/{}", it.id.number), is_request: true },
        None => Lead { path: bin, is_request: false },
    }))
}

/// Returns what a URL of the bins' listener calls the bin: the first segment of its path.
fn bin_name<'a>(url: &'a str, base_url: &str) -> Option<&'a str> {
    let rest = url.strip_prefix(base_url)?.strip_prefix('/')?;
    rest.split(['/', '?', '#']).next().filter(|it| !it.is_empty())
}
