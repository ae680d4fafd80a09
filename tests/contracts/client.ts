// A client as somebody would write it, with the types that openapi-typescript makes of docs/openapi.json.
import createClient from "openapi-fetch";
import type { components, paths } from "./ledger.js";

type Operation = components["schemas"]["Operation"];

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8000" });
const keyed = (key: string) => ({ header: { "Idempotency-Key": key } });

// Optional fields are left out.
export async function pay(user: number, amount: string, reference: string): Promise<Operation> {
  const { data, error } = await client.POST("/v1/operations", {
    params: keyed(reference),
    body: { type: "credit_from_user", operation_user: user, amount, payment_reference: reference },
  });
  if (error) throw new Error(`${error.code}: ${error.detail}`);
  return data;
}

export async function train(user: number, machine: number): Promise<string | null> {
  const { data } = await client.POST("/v1/operations/quote", {
    body: { type: "training", operation_user: user, machine, count_of_lines: 250 },
  });
  return data?.cost["EAML"] ?? null;
}

export async function coupon(user: number): Promise<components["schemas"]["AmountText"] | undefined> {
  const body: components["schemas"]["GrantCouponBody"] = { operation_user: user, amount: "5", reason: "welcome" };
  await client.POST("/v1/coupons", { params: { ...keyed("c-1"), query: { dry_run: true } }, body });
  const { data } = await client.GET("/v1/users/{user}/coupons", { params: { path: { user } } });
  return data?.items[0]?.remaining;
}

export async function held(hold: string): Promise<boolean> {
  await client.POST("/v1/holds/{hold}/capture", {
    params: { path: { hold }, ...keyed("h-1") },
    body: { count_of_lines: 10 },
  });
  const { data } = await client.GET("/v1/holds/{hold}", { params: { path: { hold } } });
  const state: components["schemas"]["HoldState"] | undefined = data?.state;
  return state === "open";
}

export async function all(user: number): Promise<Operation[]> {
  const found: Operation[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? { user } : { user, cursor };
    const { data } = await client.GET("/v1/operations", { params: { query } });
    found.push(...(data?.items ?? []));
    cursor = data?.next ?? undefined;
  } while (cursor);
  return found;
}

// What the contract requires cannot be left out, and what it does not know cannot be sent.
export const refused = [
  // @ts-expect-error: the amount is missing
  () => client.POST("/v1/operations", { params: keyed("k"), body: { type: "pay_a_bill", operation_user: 43 } }),
  // @ts-expect-error: an amount is a string
  () => client.POST("/v1/payouts", { params: keyed("k"), body: { payout: "", operation_user: 43, amount: 1.5 } }),
  // @ts-expect-error: there is no such state
  (state: components["schemas"]["PayoutState"]) => state === "lost",
];
