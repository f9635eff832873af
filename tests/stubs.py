"""Python stubs of the protos as they are, made by protoc for Debian's python3-grpcio."""
import glob
import os
import subprocess
import sys

from served import ROOT

INCLUDES = [os.path.join(ROOT, "proto"), "/usr/share/gocode/src/github.com/gogo/googleapis",
            "/usr/share/grpc-proto", "/usr/include"]
PROTOS = ["google/api/http.proto", "google/api/annotations.proto", "google/rpc/status.proto",
          "google/rpc/code.proto", "google/rpc/error_details.proto", "linjuli/options.proto",
          "linjuli/changes/v1/changes.proto",
          *sorted(os.path.relpath(path, INCLUDES[0])
                  for path in glob.glob(os.path.join(INCLUDES[0], "linjuli/needs_intake/v1/*.proto"))),
          "grpc/health/v1/health.proto", "grpc/reflection/v1alpha/reflection.proto"]


def generate(out):
    """Makes the stubs importable; `google` and `grpc` are joined with Debian's packages."""
    subprocess.run(["protoc", *["-I" + path for path in INCLUDES], "--python_out=" + out,
                    "--grpc_python_out=" + out,
                    "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin", *PROTOS],
                   check=True)
    import google.protobuf  # noqa: F401
    import grpc
    sys.path.insert(0, out)
    sys.modules["google"].__path__.append(os.path.join(out, "google"))
    grpc.__path__.append(os.path.join(out, "grpc"))
