// SPDX-License-Identifier: MIT

/// @file
/// A load for echo servers on 127.0.0.1: in a closed loop, at a fixed rate, or with a
/// connection for each message.
///
/// Prints one line of JSON. Count, size and time are bounded; a watchdog ends it if the
/// server stalls.

#include "load.hpp"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include <getopt.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace bench;

/// Returns the exit code.
int report(const load_options& options, const findings& found) {
  const window& w = found.measured;
  const auto requests = static_cast<double>(found.requests);
  const double cpu_us = static_cast<double>(w.of_server().ran) / 1e3;
  const histogram& latency = found.latency;
  std::printf("{\"conns\":%d,\"size\":%d,\"seconds\":%.4f,\"requests\":%" PRIu64
              ",\"rps\":%.0f,\"cpu_us_per_request\":%.4f,\"p50_us\":%.1f,"
              "\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"late_p99_us\":%.1f,",
              options.connections, options.size, w.seconds(), found.requests,
              requests / w.seconds(), found.requests > 0 ? cpu_us / requests : 0,
              latency.quantile(0.5) / 1e3, latency.quantile(0.99) / 1e3,
              latency.quantile(0.999) / 1e3, static_cast<double>(latency.highest()) / 1e3,
              found.lateness.quantile(0.99) / 1e3);
  std::printf(
      "\"server_busy\":%.3f,\"server_waited\":%.3f,\"load_busy\":%.3f,"
      "\"load_waited\":%.3f,\"kb_per_conn\":%.2f,\"errors\":%" PRIu64 "}\n",
      w.share(w.of_server().ran), w.share(w.of_server().waited), w.share(w.of_load().ran),
      w.share(w.of_load().waited),
      static_cast<double>(w.grown_kb()) / options.connections, found.errors);
  return found.errors > 0 || found.requests == 0 ? 1 : 0;
}

[[noreturn]] void usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s --port N [--conns 1..20000] [--size 1..65536]\n"
               "       [--seconds up to 60] [--warm up to 10] [--server PID]\n"
               "       [--rate messages per second, up to 10000000 | --churn]\n",
               program);
  std::exit(1);
}

bool sensible(const load_options& options) {
  const auto within = [](auto value, auto low, auto high) {
    return value >= low && value <= high;
  };
  return within(options.port, 1, 65535) && within(options.connections, 1, 20000) &&
         within(options.size, 1, 65536) && within(options.seconds, 0.01, 60.0) &&
         within(options.warm_up, 0.0, 10.0) && within(options.rate, 0.0, 1e7) &&
         options.server >= 0 && !(options.churn && options.rate > 0);
}

load_options parse(int argc, char** argv) {
  static const option names[] = {{"port", required_argument, nullptr, 'p'},
                                 {"conns", required_argument, nullptr, 'c'},
                                 {"size", required_argument, nullptr, 's'},
                                 {"seconds", required_argument, nullptr, 't'},
                                 {"warm", required_argument, nullptr, 'w'},
                                 {"rate", required_argument, nullptr, 'r'},
                                 {"churn", no_argument, nullptr, 'C'},
                                 {"server", required_argument, nullptr, 'S'},
                                 {nullptr, 0, nullptr, 0}};
  load_options options;
  for (int c = 0; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
    if (c == 'p') options.port = std::atoi(optarg);
    if (c == 'c') options.connections = std::atoi(optarg);
    if (c == 's') options.size = std::atoi(optarg);
    if (c == 't') options.seconds = std::atof(optarg);
    if (c == 'w') options.warm_up = std::atof(optarg);
    if (c == 'r') options.rate = std::atof(optarg);
    if (c == 'C') options.churn = true;
    if (c == 'S') options.server = std::atoi(optarg);
    if (c == '?') usage(argv[0]);
  }
  if (!sensible(options)) usage(argv[0]);
  return options;
}

void raise_descriptor_limit(int connections) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = static_cast<rlim_t>(connections) + 64;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  limit.rlim_max = std::max(limit.rlim_max, wanted);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("raise the descriptor limit", errno);
}

}  // namespace

int main(int argc, char** argv) {
  const load_options options = parse(argc, argv);
  raise_descriptor_limit(options.connections);
  // The watchdog: a server that stops answering must not hold up a whole run.
  alarm(static_cast<unsigned>(options.seconds + options.warm_up) + 20);
  findings found(options.server);
  const auto ask = options.churn ? churn : options.rate > 0 ? open_loop : closed_loop;
  ask(options, found);
  return report(options, found);
}
