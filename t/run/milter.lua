-- A mail server by miltertest: who logged in has one signature on top.
conn = mt.connect(socket)
if conn == nil then error("no connection") end
if mt.conninfo(conn, "client.example", "203.0.113.5") ~= nil then
	error("conninfo")
end
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("conninfo's reply") end
mt.macro(conn, SMFIC_MAIL, "i", "4TEST", "{auth_authen}", "ann")
if mt.mailfrom(conn, "<ann@example.org>") ~= nil then error("mail") end
if mt.rcptto(conn, "<bob@example.net>") ~= nil then error("rcpt") end
mt.header(conn, "From", "ann@example.org")
mt.header(conn, "Subject", "by miltertest")
mt.eoh(conn)
mt.bodystring(conn, "Hello.\r\n")
if mt.eom(conn) ~= nil then error("eom") end
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("eom's reply") end
if not mt.eom_check(conn, MT_HDRINSERT, "DKIM-Signature") then
	error("no signature was inserted")
end
mt.disconnect(conn)
