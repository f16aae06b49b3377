"""One TLS connection as servers of long ago make it, whose keys today's libraries refuse to load.

usage: serve.py KEY_AND_CERTIFICATE. Prints its port, and when the connection is over how many octets of HTTP it read.
"""

import socket
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("DEFAULT:@SECLEVEL=0")
context.load_cert_chain(sys.argv[1])
server = socket.create_server(("127.0.0.1", 0))
server.settimeout(10)
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
connection.settimeout(5)
received = 0
try:
    with context.wrap_socket(connection, server_side=True) as stream:
        received = len(stream.recv(65536))
except OSError as error:
    print(error, file=sys.stderr)
print(received, flush=True)
