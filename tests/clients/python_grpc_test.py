#!/usr/bin/python3
"""Another program's client: Debian's python3-grpcio, with stubs made from the protos as they are.
The same calls go to `serve all`, and through a gateway to a service in another process.

  python_grpc_test.py [PROGRAM]
"""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from served import Served, binary, token  # noqa: E402
from stubs import generate  # noqa: E402

import grpc  # noqa: E402

PROGRAM = binary(sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None)


def setUpModule():
    folder = tempfile.TemporaryDirectory(prefix="linjuli-stubs-")
    unittest.addModuleCleanup(folder.cleanup)
    generate(folder.name)
    global pb, stub_of, log_pb, log_stub, status_pb, details_pb, health_pb, health_stub, refl_pb, refl_stub
    from google.rpc import error_details_pb2 as details_pb, status_pb2 as status_pb
    from grpc.health.v1 import health_pb2 as health_pb, health_pb2_grpc as health_stub
    from grpc.reflection.v1alpha import reflection_pb2 as refl_pb
    from grpc.reflection.v1alpha import reflection_pb2_grpc as refl_stub
    from linjuli.changes.v1 import changes_pb2 as log_pb, changes_pb2_grpc as log_stub
    from linjuli.needs_intake.v1 import need_pb2 as pb, needs_intake_pb2_grpc as stub_of


class ClientInPython(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="linjuli-python-")
        data = os.path.join(cls.folder.name, "data")
        os.mkdir(data)
        cls.start(data)
        cls.channel = grpc.insecure_channel(cls.served.addresses["grpc"])
        cls.needs = stub_of.NeedsIntakeStub(cls.channel)
        cls.worker = cls.bearer(data, "worker-1", "COMMUNITY_WORKER", "--area", "331082001")
        cls.resident = cls.bearer(data, "resident-1", "RESIDENT")

    @classmethod
    def start(cls, data):
        cls.served = Served(PROGRAM, data)
        cls.processes = [cls.served]

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        codes = [process.terminate() for process in cls.processes]
        cls.folder.cleanup()
        assert not any(codes), f"SIGTERM: exit {codes}"

    @staticmethod
    def bearer(data, subject, role, *options):
        signed = token(PROGRAM, data, subject, "--role", role, *options)
        return [("authorization", "Bearer " + signed)]

    def create(self, text, request_id="", metadata=None):
        request = pb.CreateNeedRequest(request_id=request_id, need=pb.Need(
            text=text, division="331082001001", channel=pb.ONLINE))
        return self.needs.CreateNeed(request, metadata=metadata or self.resident, timeout=10)

    def refusal(self, call):
        """The code, reason and details that a call is refused with."""
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        error = caught.exception
        trailers = dict(error.trailing_metadata())
        status = status_pb.Status.FromString(trailers["grpc-status-details-bin"])
        self.assertEqual(status.code, error.code().value[0])
        details = {}
        for packed in status.details:
            for kind in (details_pb.ErrorInfo, details_pb.BadRequest, details_pb.LocalizedMessage):
                if packed.Is(kind.DESCRIPTOR):
                    details[kind.DESCRIPTOR.name] = kind.FromString(packed.value)
        self.assertEqual(details["ErrorInfo"].domain, "linjuli")
        return error.code(), details["ErrorInfo"].reason, details

    def test_a_need_is_created_read_listed_and_claimed(self):
        made = self.create("楼道灯坏了")
        self.assertTrue(made.name.startswith("needs/"))
        self.assertEqual(made.state, pb.Need.RECEIVED)
        self.assertTrue(made.receipt_number and made.etag)
        read = self.needs.GetNeed(pb.GetNeedRequest(name=made.name), metadata=self.resident)
        self.assertEqual((read.text, read.etag), ("楼道灯坏了", made.etag))
        page = self.needs.ListNeeds(
            pb.ListNeedsRequest(division="331082001", state=pb.Need.RECEIVED, page_size=1000),
            metadata=self.worker)
        self.assertIn(made.name, [need.name for need in page.needs])
        claimed = self.needs.ClaimNeed(pb.ClaimNeedRequest(name=made.name, etag=made.etag),
                                       metadata=self.worker)
        self.assertEqual((claimed.state, claimed.owner), (pb.Need.CLAIMED, "worker-1"))
        self.assertNotEqual(claimed.etag, made.etag)

    def test_the_same_request_id_gives_the_same_need(self):
        first, second = (self.create("停车难", "python-1") for _ in range(2))
        self.assertEqual(first, second)
        code, reason, _ = self.refusal(lambda: self.create("停车易", "python-1"))
        self.assertEqual((code, reason),
                         (grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_CONFLICT"))

    def test_a_field_that_is_wrong_is_named_in_the_details(self):
        code, _, details = self.refusal(lambda: self.create(""))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("need.text", [v.field for v in details["BadRequest"].field_violations])

    def test_a_refusal_has_words_for_the_reader(self):
        made = self.create("水管漏水")
        self.needs.WithdrawNeed(pb.WithdrawNeedRequest(name=made.name),
                                metadata=self.resident)
        code, reason, details = self.refusal(lambda: self.needs.ClaimNeed(
            pb.ClaimNeedRequest(name=made.name), metadata=self.worker))
        self.assertEqual((code, reason), (grpc.StatusCode.FAILED_PRECONDITION, "STATE"))
        self.assertEqual(details["ErrorInfo"].metadata["from"], "WITHDRAWN")
        self.assertEqual(details["LocalizedMessage"].locale, "zh-CN")
        self.assertTrue(details["LocalizedMessage"].message)

    def test_a_need_is_followed_from_its_first_change_on(self):
        made = self.create("路面积水")
        log = log_stub.ChangesStub(self.channel)
        auditor = self.bearer(self.served.data_dir, "auditor-1", "AUDITOR")
        pages = log.FollowChanges(log_pb.FollowChangesRequest(service="needs_intake"),
                                  metadata=auditor, timeout=20)
        states = (change.state_after for page in pages for change in page.changes
                  if change.resource == made.name)
        self.assertEqual(next(states), "RECEIVED")
        self.needs.ClaimNeed(pb.ClaimNeedRequest(name=made.name), metadata=self.worker)
        self.assertEqual(next(states), "CLAIMED")
        pages.cancel()
        code, reason, _ = self.refusal(lambda: next(log.FollowChanges(
            log_pb.FollowChangesRequest(service="needs_intake"), metadata=self.resident)))
        self.assertEqual((code, reason), (grpc.StatusCode.PERMISSION_DENIED, "ROLE"))

    def test_without_a_token_nothing_is_told(self):
        made = self.create("噪声扰民")
        ask = pb.GetNeedRequest(name=made.name)
        code, reason, _ = self.refusal(lambda: self.needs.GetNeed(ask))
        self.assertEqual((code, reason), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN"))
        stranger = self.bearer(self.served.data_dir, "resident-2", "RESIDENT")
        code, _, _ = self.refusal(lambda: self.needs.GetNeed(ask, metadata=stranger))
        self.assertEqual(code, grpc.StatusCode.NOT_FOUND)

    def test_health_says_serving_for_the_server_and_each_service(self):
        health = health_stub.HealthStub(self.channel)
        for name in ("", "linjuli.needs_intake.v1.NeedsIntake"):
            answer = health.Check(health_pb.HealthCheckRequest(service=name), timeout=10)
            self.assertEqual(answer.status, health_pb.HealthCheckResponse.SERVING, name)
        with self.assertRaises(grpc.RpcError) as caught:
            health.Check(health_pb.HealthCheckRequest(service="no.such.Service"), timeout=10)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_reflection_lists_the_services_and_gives_their_files(self):
        reflection = refl_stub.ServerReflectionStub(self.channel)
        asked = [refl_pb.ServerReflectionRequest(list_services=""),
                 refl_pb.ServerReflectionRequest(
                     file_containing_symbol="linjuli.needs_intake.v1.NeedsIntake.ClaimNeed")]
        listed, files = reflection.ServerReflectionInfo(iter(asked), timeout=10)
        names = {service.name for service in listed.list_services_response.service}
        self.assertLessEqual({"linjuli.needs_intake.v1.NeedsIntake", "linjuli.changes.v1.Changes",
                              "grpc.health.v1.Health"}, names)
        blobs = files.file_descriptor_response.file_descriptor_proto
        self.assertTrue(any(b"ClaimNeed" in blob for blob in blobs))


class ClientThroughTheGateway(ClientInPython):
    @classmethod
    def start(cls, data):
        socket = f"unix:{cls.folder.name}/needs_intake.sock"
        backend = Served(PROGRAM, data, ["needs_intake"], [], ["--grpc", socket])
        cls.served = Served(PROGRAM, data, ["gateway"], ["http", "grpc"],
                            ["--backend", "needs_intake=" + socket])
        cls.processes = [cls.served, backend]

    def test_a_token_that_is_none_is_refused_by_the_gateway(self):
        ask = pb.GetNeedRequest(name="needs/none")
        code, reason, details = self.refusal(lambda: self.needs.GetNeed(
            ask, metadata=[("authorization", "Bearer a.b.c")]))
        self.assertEqual((code, reason), (grpc.StatusCode.UNAUTHENTICATED, "TOKEN"))
        self.assertTrue(details["LocalizedMessage"].message)

    def test_what_is_not_served_is_refused_with_a_reason(self):
        call = self.channel.unary_unary("/linjuli.monitoring.v1.Monitoring/GetReport")
        code, reason, _ = self.refusal(lambda: call(b"", timeout=10))
        self.assertEqual((code, reason), (grpc.StatusCode.UNIMPLEMENTED, "NO_METHOD"))


if __name__ == "__main__":
    unittest.main()
