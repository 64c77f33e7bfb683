-- The companion has no seat and no login session: WirePlumber must not wait for logind, which bare systems and
-- containers lack, and Bluetooth speakers must work without anybody logged in.
bluez_monitor.properties["with-logind"] = false
