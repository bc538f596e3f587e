// SPDX-License-Identifier: MIT

/// @file
/// What motet costs inside one thread: one trial at a time, for micro.py.

#include "descriptors.hpp"
#include "measure.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

#include <getopt.h>

namespace {

using namespace bench;

[[noreturn]] void usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s [--quick] [--million] --list | --trial N\n"
               "  --list      print the rows of all benchmarks\n"
               "  --trial     run one benchmark once; print value and limit of its rows\n"
               "  --quick     fewer rounds\n"
               "  --million   also weigh 1,000,000 parked fibers (some 5 GB)\n",
               program);
  std::exit(1);
}

struct arguments {
  measure_options measure;
  long trial = -1;
};

arguments parse(int argc, char** argv) {
  static const option names[] = {{"list", no_argument, nullptr, 'l'},
                                 {"trial", required_argument, nullptr, 't'},
                                 {"quick", no_argument, nullptr, 'q'},
                                 {"million", no_argument, nullptr, 'm'},
                                 {nullptr, 0, nullptr, 0}};
  arguments args;
  for (int c = 0; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
    switch (c) {
      case 'l':
        args.trial = -1;
        break;
      case 't':
        args.trial = std::atol(optarg);
        break;
      case 'q':
        args.measure.quick = true;
        break;
      case 'm':
        args.measure.million = true;
        break;
      default:
        usage(argv[0]);
    }
  }
  return args;
}

std::vector<benchmark> all_benchmarks(const measure_options& options) {
  std::vector<benchmark> all;
  for (const auto& group : {fiber_benchmarks, sync_benchmarks, timeout_benchmarks,
                            stop_benchmarks, memory_benchmarks}) {
    for (benchmark& b : group(options))
      all.push_back(std::move(b));
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const arguments args = parse(argc, argv);
  const std::vector<benchmark> all = all_benchmarks(args.measure);
  if (args.trial < 0) {
    print_rows(all);
    return 0;
  }
  if (static_cast<std::size_t>(args.trial) >= all.size()) usage(argv[0]);
  raise_descriptor_limit();
  try {
    finish_trial(all[static_cast<std::size_t>(args.trial)].trial());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
