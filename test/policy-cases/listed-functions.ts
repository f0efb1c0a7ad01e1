/** What an operator of the shop has looked at: signatures of functions.yaml, whose hashes each server gives itself. `run_sql` is a mistake of the operator's: it runs any text. */
export const LISTED_FUNCTIONS: readonly string[] = [
  "public.order_total(wanted integer)",
  "public.orders_of(who integer)",
  "public.numbers(n integer)",
  "public.same_text(a text, b text)",
  "public.concat_all(text)",
  "public.close_order(IN which integer)",
  "public.run_sql(command text)",
];
