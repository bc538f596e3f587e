// SPDX-License-Identifier: MIT

/// @file
/// What motet costs inside one thread, as rows of a Markdown table.

#include "descriptors.hpp"
#include "measure.hpp"

#include <cstdio>
#include <cstdlib>
#include <regex>
#include <string>
#include <vector>

#include <getopt.h>
#include <sched.h>

namespace {

using namespace bench;

[[noreturn]] void usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s [--quick] [--only REGEX] [--reps N] [--million] [--cpu N]\n"
               "  --quick     fewer rounds per repeat\n"
               "  --only      rows whose name matches\n"
               "  --reps      repeats of each row, 5 at least (5)\n"
               "  --million   also weigh 1,000,000 parked fibers (some 5 GB)\n"
               "  --cpu       the core to stay on (0)\n",
               program);
  std::exit(1);
}

struct arguments {
  measure_options measure;
  int cpu = 0;
};

arguments parse(int argc, char** argv) {
  static const option names[] = {{"quick", no_argument, nullptr, 'q'},
                                 {"only", required_argument, nullptr, 'o'},
                                 {"reps", required_argument, nullptr, 'r'},
                                 {"million", no_argument, nullptr, 'm'},
                                 {"cpu", required_argument, nullptr, 'c'},
                                 {nullptr, 0, nullptr, 0}};
  arguments args;
  for (int c = 0; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
    switch (c) {
      case 'q':
        args.measure.quick = true;
        break;
      case 'o':
        args.measure.only = optarg;
        break;
      case 'r':
        args.measure.repeats = std::atoi(optarg);
        break;
      case 'm':
        args.measure.million = true;
        break;
      case 'c':
        args.cpu = std::atoi(optarg);
        break;
      default:
        usage(argv[0]);
    }
  }
  if (args.measure.repeats < 5 || args.measure.repeats > 1000) usage(argv[0]);
  if (args.cpu < 0 || args.cpu >= CPU_SETSIZE) usage(argv[0]);
  return args;
}

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    std::fprintf(stderr, "cannot stay on core %d, goes on where it may\n", cpu);
  }
}

bool wanted(const benchmark& b, const std::regex& only) {
  for (const row& r : b.rows) {
    if (std::regex_search(r.what, only)) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const arguments args = parse(argc, argv);
  std::regex only;
  try {
    only = args.measure.only;
  } catch (const std::regex_error& error) {
    std::fprintf(stderr, "--only: %s\n", error.what());
    return 1;
  }
  raise_descriptor_limit();
  stay_on(args.cpu);
  std::printf("| what | motet | unit | limit, by hand | target | met |\n");
  std::printf("|---|---|---|---|---|---|\n");
  bool good = true;
  for (const auto& group : {fiber_benchmarks, sync_benchmarks, timeout_benchmarks,
                            stop_benchmarks, memory_benchmarks}) {
    for (const benchmark& b : group(args.measure)) {
      if (wanted(b, only)) good = run_benchmark(b, args.measure) && good;
    }
  }
  return good ? 0 : 1;
}
