/** A person logs in on another screen: the device flow. Source: RFC 8628. */

import * as oidc from "openid-client";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note } from "../output.ts";
import { visible } from "../text.ts";
import {
  discoverIssuer,
  type IssuedToken,
  type Issuer,
  issuerRefusal,
  tokenForGateway,
  tokenParameters,
} from "./issuer.ts";

/** Shows the address and the code, and waits until the person has entered it, refused, or let it run out. */
export async function logInByDevice(context: CliContext, issuer: Issuer, clientId: string): Promise<IssuedToken> {
  const configuration = await discoverIssuer(issuer, clientId);
  if (configuration.serverMetadata().device_authorization_endpoint === undefined) {
    throw new CliError("failed", `${issuer.url} offers no device flow`, "ask who runs it to allow it for this client");
  }
  try {
    const parameters = tokenParameters(issuer, configuration, true);
    const device = await oidc.initiateDeviceAuthorization(configuration, parameters);
    note(context, `Open   ${visible(device.verification_uri_complete ?? device.verification_uri)}`);
    note(context, `Code   ${visible(device.user_code)}`);
    note(context, `Waiting until it is confirmed there (${Math.ceil(device.expires_in / 60)} min at most).`);
    const { scope: _, ...resource } = parameters;
    const answer = await oidc.pollDeviceAuthorizationGrant(configuration, device, resource, { signal: context.signal });
    return tokenForGateway(answer, issuer);
  } catch (error) {
    if (context.signal.aborted) throw new CliError("failed", "interrupted: nobody is logged in");
    throw issuerRefusal(error, issuer);
  }
}
