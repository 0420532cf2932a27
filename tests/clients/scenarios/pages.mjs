// Run by Node with @azure/arm-compute and nothing of ours: lists that have more than one page.
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
const walked = async (listed) => {
  const pages = [];
  for await (const page of listed.byPage()) pages.push(page.map((one) => one.name));
  return pages;
};
const machines = client.virtualMachineScaleSetVMs;
const some = { filter: "instanceId ne '1'", expand: "instanceView" };
const told = {
  sets: await walked(client.virtualMachineScaleSets.list("pages")),
  "sets of all": await walked(client.virtualMachineScaleSets.listAll()),
  machines: await walked(machines.list("pages", "fleet")),
  "some machines": await walked(machines.list("pages", "fleet", some)),
  galleries: await walked(client.galleries.listByResourceGroup("pages")),
};
console.log(JSON.stringify(told));
