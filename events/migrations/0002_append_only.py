"""The log refuses UPDATE, DELETE and TRUNCATE; of a note only the erasing is let through."""

from typing import ClassVar

from django.db import migrations

from events.append_only import FUNCTION_SQL, protect, unprotect

_NOTES = """
create or replace function events_guard_note() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.salt is null and new.text is null
       and (new.id, new.event_id, new.name) = (old.id, old.event_id, old.name) then
        return new;
    end if;
    raise exception 'append-only table %: % is not allowed', tg_table_name, tg_op
        using errcode = 'LG001', table = tg_table_name;
end $$;
create trigger events_guard_note before update or delete on events_note
    for each row execute function events_guard_note();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("events", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(FUNCTION_SQL, "drop function events_refuse_change()"),
        migrations.RunSQL(protect("events_event"), unprotect("events_event")),
        migrations.RunSQL(protect("events_key"), unprotect("events_key")),
        migrations.RunSQL(
            _NOTES + protect("events_note", rows=False),
            "drop trigger events_guard_note on events_note; drop function events_guard_note(); "
            + unprotect("events_note"),
        ),
    ]
