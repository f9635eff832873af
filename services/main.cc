// linjuli: one program. `serve` runs services; the other verbs are for those who run them.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "common/auth/issuer.h"
#include "common/log.h"
#include "common/rpc/plan.h"
#include "common/standard/standard.h"
#include "google/protobuf/stubs/logging.h"
#include "services/export.h"
#include "services/load.h"
#include "services/process.h"
#include "services/services.h"
#include "services/verify.h"

namespace linjuli {
namespace {

// Exit codes of sysexits.h, so that whoever starts us can tell why we did not stay.
constexpr int kExitUsage = 64;
constexpr int kExitFailed = 70;
constexpr int kExitTryLater = 75;
constexpr int kExitConfig = 78;

int Fail(const absl::Status& status) {
  std::cerr << status.message() << "\n";
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return kExitTryLater;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
      return kExitConfig;
    default:
      return kExitFailed;
  }
}

// SIGTERM and SIGINT wait for us in every thread; a process that is PID 1 would ignore them else.
sigset_t BlockedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Serve(ProcessOptions options, const std::vector<std::string>& backends,
          const std::string& crypto) {
  auto profile = ParseProfile(crypto);
  if (!profile.ok()) return Fail(profile.status());
  options.crypto = *profile;
  for (const auto& backend : backends) {
    std::vector<std::string> pair = absl::StrSplit(backend, absl::MaxSplits('=', 1));
    if (pair.size() != 2) return Fail(absl::InvalidArgumentError("--backend NAME=ADDRESS"));
    options.backends[pair[0]] = pair[1];
  }
  // A core would hold keys and personal data in clear.
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // Each connection costs a file; the soft limit is often 1,024 where the hard one allows more.
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  sigset_t signals = BlockedSignals();
  auto process = Process::Start(std::move(options));
  if (!process.ok()) return Fail(process.status());
  std::printf("%s\n", (*process)->AddressesJson().c_str());
  std::fflush(stdout);
  LogInfo("serving", {{"sqlite", sqlite3_libversion()}});
  int signal = 0;
  sigwait(&signals, &signal);
  LogInfo("draining");
  // A second signal ends at once what does not want to end by itself.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*process)->Drain();
  process->reset();
  LogInfo("stopped");
  return 0;
}

struct TokenOptions {
  std::string data_dir, subject, organization;
  std::vector<std::string> roles, areas;
  int64_t hours = 12;
};

int Token(const TokenOptions& options) {
  Caller caller;
  caller.subject = options.subject;
  caller.areas = options.areas;
  caller.organization = options.organization;
  for (const auto& name : options.roles) {
    Role role;
    if (!Role_Parse(name, &role) || role == ROLE_UNSPECIFIED) {
      return Fail(absl::InvalidArgumentError(absl::StrCat("no role ", name)));
    }
    caller.roles |= 1u << role;
  }
  if (options.subject.empty()) {
    return Fail(absl::InvalidArgumentError("--subject must name somebody"));
  }
  if (options.hours < 1) {
    return Fail(absl::InvalidArgumentError("--hours must be at least 1"));
  }
  auto issuer = Issuer::LoadOrCreate(options.data_dir + "/issuer.jwk");
  if (!issuer.ok()) return Fail(issuer.status());
  std::cout << issuer->Sign(caller, absl::Hours(options.hours), Clock::Real()->Now()) << "\n";
  return 0;
}

int CheckStandard(const std::string& dir) {
  Defects defects = Standard::Check(dir, AllNeeds());
  for (const auto& defect : defects) std::cout << defect.ToString() << "\n";
  std::cout << dir << ": " << defects.size() << " defects\n";
  return defects.empty() ? 0 : 1;
}

int DescribeServices(const std::string& name) {
  for (const auto& entry : AllServices()) {
    if (name != "all" && name != entry.name) continue;
    auto plan = ServicePlan::From(entry.spec());
    if (!plan.ok()) return Fail(plan.status());
    std::cout << "# " << entry.name << "\n" << Describe(**plan);
  }
  return 0;
}

int Verify(const VerifyOptions& options) {
  auto verdicts = VerifyAll(options);
  if (!verdicts.ok()) return Fail(verdicts.status());
  int flaws = 0;
  for (const auto& verdict : *verdicts) {
    std::cout << verdict.text;
    flaws += verdict.flaws;
  }
  return flaws == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  CLI::App app("linjuli 邻距里: community services of town and village, as one commonwealth");
  app.require_subcommand(1);
  int code = 0;

  ProcessOptions process;
  std::vector<std::string> backends;
  double drain_delay = 0.25;
  auto* serve = app.add_subcommand("serve", "run services: all, or names, or gateway");
  serve->add_option("names", process.serve, "services to run")->required();
  serve->add_option("--data-dir", process.data_dir, "folder of the stores")->required();
  serve->add_option("--standard", process.standard_dir, "folder of the city's standard")
      ->required();
  serve->add_option("--http", process.http, "HTTP door, ADDRESS:PORT; port 0 for any");
  serve->add_option("--grpc,--listen", process.grpc, "gRPC door, ADDRESS:PORT or unix:PATH");
  serve->add_option("--metrics", process.metrics, "Prometheus door, ADDRESS:PORT");
  serve->add_option("--backend", backends, "NAME=ADDRESS of a service in another process");
  serve->add_option("--allow-origin", process.origins,
                    "https://HOST of a web page that may call the HTTP door from browsers");
  serve->add_option("--jwks", process.jwks, "JWKS file of the issuer; else the embedded one");
  serve->add_option("--issuer", process.issuer, "`iss` of its tokens");
  serve->add_option("--audience", process.audience, "`aud` of its tokens");
  serve
      ->add_option("--drain-delay", drain_delay,
                   "seconds to serve on, saying not ready, after SIGTERM; 0.25 where unsaid")
      ->check(CLI::Range(0.0, 600.0));
  std::string crypto = "intl";
  serve->add_option("--crypto", crypto,
                    "how personal data is sealed: intl (AES-256-GCM) or gm (SM4, SM3)");
  serve->add_option("--master-key", process.master_key,
                    "file of the master key; else master.key of the data folder, made at first");
  serve->add_option(
      "--person-rate", process.person_rates.all,
      "calls a second of one person, after 5 seconds' worth at once; no limit where unsaid; "
      "50 suits people");
  serve->add_option("--person-write-rate", process.person_rates.writes,
                    "of these, writes (a batch is one); no limit where unsaid; 10 suits people");
  serve->add_option("--address-rate", process.address_rate,
                    "requests a second of one address; no limit where unsaid");
  bool no_shedding = false;
  serve->add_flag("--no-shedding", no_shedding,
                  "make everybody wait in an overload, instead of refusing some at once");
  serve->add_option(
      "--trust-forwarded-for", process.trusted_proxies,
      "proxies before the HTTP door whose X-Forwarded-For is believed, as 10.0.0.0/8; "
      "without it a proxy is one address, and all behind it share its rate");
  serve->callback([&] {
    process.drain_delay = absl::Seconds(drain_delay);
    process.shed = !no_shedding;
    code = Serve(process, backends, crypto);
  });

  TokenOptions token;
  auto* sign = app.add_subcommand("token", "print a bearer token of the embedded issuer");
  sign->add_option("--data-dir", token.data_dir, "the data folder of the services")->required();
  sign->add_option("--subject", token.subject, "who")->required();
  sign->add_option("--role", token.roles, "COMMUNITY_WORKER …")->required();
  sign->add_option("--area", token.areas, "division codes");
  sign->add_option("--organization", token.organization, "unified social credit code");
  sign->add_option("--hours", token.hours, "how long it is good for, 12 where unsaid");
  sign->callback([&] { code = Token(token); });

  std::string dir;
  auto* standard = app.add_subcommand("standard", "the city's standard");
  standard->require_subcommand(1);
  auto* check = standard->add_subcommand("check", "list every defect with file and line");
  check->add_option("dir", dir, "folder of the standard")->required();
  check->callback([&] { code = CheckStandard(dir); });

  std::string name = "all";
  auto* describe = app.add_subcommand("describe", "every method with route, access, transition");
  describe->add_option("name", name, "service");
  describe->callback([&] { code = DescribeServices(name); });

  VerifyOptions verifying;
  auto* verify =
      app.add_subcommand("verify", "check the stores and change logs of stopped services");
  verify->add_option("--data-dir", verifying.data_dir, "folder of the stores")->required();
  verify->add_option("--witness", verifying.witness_files,
                     "files of heads that were kept elsewhere, as the gateway gives them");
  verify->callback([&] { code = Verify(verifying); });

  std::string data_dir;
  auto* dump = app.add_subcommand("export", "print a stopped service's resources as JSON lines");
  dump->add_option("--data-dir", data_dir, "folder of the stores")->required();
  dump->add_option("name", name, "service")->required();
  ExportOptions exported;
  dump->add_option("--master-key", exported.master_key, "as of serve");
  dump->add_flag("--personal", exported.personal,
                 "personal data in clear; the change log keeps that it was");
  dump->callback([&] {
    exported.data_dir = data_dir;
    exported.service = name;
    auto status = Export(exported, std::cout);
    if (!status.ok()) code = Fail(status);
  });

  LoadOptions load;
  auto* loader = app.add_subcommand("load", "register needs from JSON lines through the HTTP door");
  loader->add_option("file", load.file, "one {\"text\":…,\"division\":…,\"channel\":…} a line")
      ->required();
  loader->add_option("--http", load.http, "ADDRESS:PORT of the gateway")->required();
  loader->add_option("--token", load.token, "bearer token")->required();
  loader->callback([&] {
    auto status = Load(load, std::cerr);
    if (!status.ok()) code = Fail(status);
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  return code;
}

}  // namespace
}  // namespace linjuli

int main(int argc, char** argv) {
  // What cannot be read is refused with its reason; protobuf would tell it once more, in a form of
  // its own, on a log of JSON lines.
  google::protobuf::SetLogHandler(nullptr);
  // The deadlock detector is for debug builds; here it costs each lock a look into its graph.
#ifdef NDEBUG
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  return linjuli::Main(argc, argv);
}
