-- Deletes the digest of a payment reference when its note is erased.
create or replace function ledger_forget_payment() returns trigger language plpgsql as $$
begin
    delete from ledger_payment_reference where operation_id = old.event_id;
    return null;
end $$;

create trigger ledger_forget_payment after update on events_note
    for each row when (old.name = 'payment_reference' and new.text is null)
    execute function ledger_forget_payment();
