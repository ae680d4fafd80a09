-- Deletes what is stored of a payment reference when its note is erased.
create or replace function ledger_forget_payment() returns trigger language plpgsql as $$
declare
    wanted text;
begin
    select encode(sha256(convert_to(concat_ws(e'\n', e.data ->> 'kind', old.text), 'UTF8')), 'hex') into wanted
    from events_event e where e.id = old.event_id;
    update ledger_payment_reference r
    set payments = (
        select coalesce(jsonb_object_agg(paid.key, paid.value), '{}')
        from jsonb_each(r.payments) paid where paid.value <> to_jsonb(old.event_id))
    where r.digest = wanted;
    delete from ledger_payment_reference where digest = wanted and payments = '{}';
    return null;
end $$;

create trigger ledger_forget_payment after update on events_note
    for each row when (old.name = 'payment_reference' and new.text is null)
    execute function ledger_forget_payment();
