//! Public ids on pages: of what is shown, and back from addresses to what is meant.

use semnal_core::application::Application;
use semnal_core::configuration::Configuration;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{DeliveryId, EndpointId, IdKind, MessageId};
use semnal_store::message::Message;
use std::sync::Arc;

use super::page::Page;
use super::problem::Problem;
use super::viewer::Viewer;
use super::webhooks;

impl Page {
    /// Returns the public id of an endpoint.
    pub(crate) fn endpoint_id(&self, application: &Application, id: EndpointId) -> String {
        self.console.api.store.ids().encode(IdKind::Endpoint, application.id.partition(), id.0)
    }

    /// Returns the public id of a message.
    pub(crate) fn message_id(&self, application: &Application, id: MessageId) -> String {
        self.console.api.store.ids().encode(IdKind::Message, application.id.partition(), id.0)
    }

    /// Returns a delivery as a place in a list, for the address.
    pub(crate) fn cursor(&self, application: &Application, id: DeliveryId) -> String {
        format!("{}.{}", self.message_id(application, id.message), id.ordinal)
    }

    /// Reads what [`Page::cursor`] wrote.
    pub(crate) fn read_cursor(&self, text: &str) -> Option<DeliveryId> {
        let (message, ordinal) = text.split_once('.')?;
        let (_, key) = self.console.api.store.ids().decode(IdKind::Message, message).ok()?;
        Some(DeliveryId { message: MessageId(key), ordinal: ordinal.parse().ok()? })
    }

    /// Returns a message that the viewer sees, by its id, with its application.
    ///
    /// # Errors
    /// [`Problem::NotFound`] when there is none in sight, and what the store says.
    pub(crate) async fn message(
        &self,
        viewer: &Viewer,
        configuration: &Configuration,
        text: &str,
    ) -> Result<(Message, Arc<Application>), Problem> {
        let (_, key) =
            self.console.api.store.ids().decode(IdKind::Message, text).map_err(|_| Problem::NotFound)?;
        let found = self.console.api.store.read(move |reader| reader.message(MessageId(key))).await?;
        let found = found.ok_or(Problem::NotFound)?;
        let seen = viewer.applications(configuration).find(|it| it.id == found.application).cloned();
        Ok((found, seen.ok_or(Problem::NotFound)?))
    }

    /// Returns the id of an endpoint of an application, whether it still exists or not.
    ///
    /// # Errors
    /// [`Problem::NotFound`] when the text is none.
    pub(crate) fn read_endpoint(&self, application: &Application, text: &str) -> Result<EndpointId, Problem> {
        match self.console.api.store.ids().decode(IdKind::Endpoint, text) {
            Ok((partition, key)) if partition == application.id.partition() => Ok(EndpointId(key)),
            _ => Err(Problem::NotFound),
        }
    }

    /// Returns the name for people of an endpoint that may have been deleted.
    pub(crate) fn webhook_name(&self, it: Option<&Arc<Endpoint>>) -> String {
        it.map_or_else(|| self.t("delivery-webhook-deleted"), |it| webhooks::name(it))
    }
}
