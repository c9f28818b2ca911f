// Signing in: the address of the network and the pair of key and secret that it shows in its settings.
"use strict";

const { address } = require("./network");

async function test(z, bundle) {
  const response = await z.request({ url: address(bundle, "/auth") });
  if (!response.data || response.data.success !== true) {
    throw new z.errors.Error("There is no API of a network at this URL.", "AuthenticationError", response.status);
  }
  return response.data;
}

module.exports = {
  type: "custom",
  test,
  connectionLabel: "{{label}}",
  fields: [
    {
      key: "url",
      label: "URL",
      required: true,
      type: "string",
      helpText: "Where your network or your Semnal is, with `https://` in front.",
      placeholder: "https://example.com",
    },
    {
      key: "api_key",
      label: "API Key",
      required: true,
      type: "string",
      helpText: "From Settings → Integrations in Semnal, or from `semnal keys create --integration ultimate-multisite`.",
    },
    { key: "api_secret", label: "API Secret", required: true, type: "password", helpText: "The secret that came with the key." },
  ],
};
