/** The demo's labels: which columns of the shop are personal, and what agents read in their place. Written anew at each start. */

/** Text of labels.yaml. Everything that is not spoken of and looks personal is masked too, until somebody has looked (`quarantine`). */
export const DEMO_LABELS = `# Written by the demo at each start: changes here are lost. What each key means: docs/reference/labels.md
masks:
  pii.email: redact
  pii.phone: redact
  pii.ssn: redact
  pii.address: redact
  pii.text: redact
  pii.birthdate: { mask: generalise, to: year }
  pii.card: { mask: partial, show: 4 }
  pii.iban: { mask: partial, show: 4 }
  pay: default
columns:
  "shop.public.*.full_name": public     # agents speak with people by name
  "shop.public.*.email": pii.email
  "shop.public.*.ssn": pii.ssn
  "shop.public.*.card_number": pii.card
  "shop.public.*.iban": pii.iban
  shop.public.customers.previous_emails: pii.email
  shop.public.customers.phone: pii.phone
  shop.public.customers.date_of_birth: pii.birthdate
  shop.public.customers.address: pii.address
  shop.public.customers.profile: pii.text
  shop.public.customers.notes: pii.text
  shop.public.orders.ship_to: pii.address
  shop.public.payments.provider_reply: pii.text
  shop.public.employees.salary: pay
quarantine: on
`;
