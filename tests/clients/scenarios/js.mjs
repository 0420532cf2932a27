// Run by Node with @azure/arm-compute and nothing of ours.
import { readFileSync } from "node:fs";
import { ClientSecretCredential } from "@azure/identity";
import { ComputeManagementClient } from "@azure/arm-compute";

const login = JSON.parse(readFileSync(process.env.INSTAR_LOGIN, "utf8"));
const ca = readFileSync(login.caFile, "utf8");
const base = login.endpoint;
const credential = new ClientSecretCredential(login.tenantId, login.clientId, login.clientSecret, {
  authorityHost: base,
  disableInstanceDiscovery: true,
  tlsOptions: { ca },
});
const client = new ComputeManagementClient(credential, login.subscriptionId, {
  endpoint: base,
  credentials: { scopes: [`${base}/.default`] },
  tlsOptions: { ca },
});
const quick = { updateIntervalInMs: 500 };
const told = {};

// This SDK has what is below `properties` beside it, at every depth.
const flat = (value) => {
  if (Array.isArray(value)) return value.map(flat);
  if (value === null || typeof value !== "object") return value;
  const { properties, ...rest } = value;
  return Object.fromEntries(Object.entries({ ...rest, ...properties }).map(([key, one]) => [key, flat(one)]));
};
const model = flat(JSON.parse(process.argv[2]));
const created = await client.virtualMachineScaleSets.createOrUpdate("js", "web", model, quick);
told.created = created.properties?.provisioningState ?? created.provisioningState;
await client.virtualMachineScaleSetRollingUpgrades.startOSUpgrade("js", "web", quick);
const latest = await client.virtualMachineScaleSetRollingUpgrades.getLatest("js", "web");
told.latest = (latest.properties ?? latest).runningStatus.code;
told.history = [];
for await (const attempt of client.virtualMachineScaleSets.listOSUpgradeHistory("js", "web")) {
  told.history.push(attempt.properties.startedBy);
}
told.instances = [];
for await (const one of client.virtualMachineScaleSetVMs.list("js", "web")) told.instances.push(one.instanceId);
try {
  await client.virtualMachineScaleSetRollingUpgrades.cancel("js", "web", quick);
} catch (error) {
  told.cancelOfNothing = error.code;
}
// An upgrade that lasts: machines take an hour to boot on the version argv[3].
const { token } = await credential.getToken(`${base}/.default`);
const version = (method) =>
  fetch(`${base}${process.argv[3]}?api-version=2024-11-01`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: method === "PUT" ? JSON.stringify({ location: "westeurope" }) : undefined,
  });
told.published = (await version("PUT")).ok;
const lasting = client.virtualMachineScaleSetRollingUpgrades.startOSUpgrade("js", "web", quick);
await lasting.submitted();
await client.virtualMachineScaleSetRollingUpgrades.cancel("js", "web", quick);
try {
  await lasting;
} catch (error) {
  told.cancelled = error.message;
}
told.withdrawn = (await version("DELETE")).ok;

const patched = await client.virtualMachineScaleSets.update("js", "web", { tags: { shift: "night" } }, quick);
told.patched = patched.tags;
await client.virtualMachineScaleSets.reimage("js", "web", { ...quick, vmScaleSetReimageInput: { instanceIds: ["0"] } });
await client.virtualMachineScaleSets.powerOff("js", "web", quick);
await client.virtualMachineScaleSets.start("js", "web", quick);
told.power = [];
for (const one of (await client.virtualMachineScaleSets.getInstanceView("js", "web")).virtualMachine.statusesSummary) {
  if (one.code.startsWith("PowerState/")) told.power.push(one.code);
}
told.sets = [];
for await (const one of client.virtualMachineScaleSets.list("js")) told.sets.push(one.name);
told.pages = 0;
for await (const page of client.virtualMachineScaleSetVMs.list("js", "web").byPage()) told.pages += page.length > 0;
const started = Date.now();
await client.virtualMachineScaleSets.delete("js", "web"); // with the pollers' own pace
told.deletedSeconds = (Date.now() - started) / 1000;
try {
  await client.virtualMachineScaleSets.get("js", "web");
} catch (error) {
  told.gone = error.code;
}
console.log(JSON.stringify(told));
