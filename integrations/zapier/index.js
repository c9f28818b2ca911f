// The Zapier app: what Zapier reads to know how to sign in to a Semnal, what starts a Zap, and what a Zap can do.
"use strict";

const authentication = require("./authentication");
const { signIn, explainRefusal } = require("./network");
const newEvent = require("./triggers/new_event");
const eventTypes = require("./triggers/event_types");
const sendEvent = require("./creates/send_event");
const { version, dependencies } = require("./package.json");

module.exports = {
  version,
  platformVersion: dependencies["zapier-platform-core"],
  flags: { cleanInputData: false },
  authentication,
  beforeRequest: [signIn],
  afterResponse: [explainRefusal],
  triggers: { [newEvent.key]: newEvent, [eventTypes.key]: eventTypes },
  creates: { [sendEvent.key]: sendEvent },
};
