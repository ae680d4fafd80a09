"""The accounting core: pure functions over values. No Django, no database, no Kafka, no clock."""
