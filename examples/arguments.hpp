// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the examples do with their command lines, and with errors.

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <string_view>
#include <system_error>
#include <vector>

#include <getopt.h>

namespace examples {

/// `--name UNIT`: a whole number, put into `value`, which holds the default until then.
struct number_option {
  const char* name;
  const char* unit;
  const char* meaning;
  int least;
  int most;
  int& value;
};

[[noreturn]] inline void print_help(const char* purpose,
                                    std::initializer_list<number_option> options) {
  std::printf("usage: %s", program_invocation_short_name);
  for (const number_option& o : options)
    std::printf(" [--%s %s]", o.name, o.unit);
  std::printf("\n\n%s\n\n", purpose);
  for (const number_option& o : options) {
    const int width = 20 - static_cast<int>(std::string_view(o.name).size());
    std::printf("  --%s %-*s%s (default %d)\n", o.name, width, o.unit, o.meaning,
                o.value);
  }
  std::printf("  --%-21s%s\n", "help", "this text");
  std::exit(0);
}

inline void read_number(const number_option& option, std::string_view text) {
  int number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < option.least ||
      number > option.most) {
    std::fprintf(stderr, "%s: --%s wants a whole number from %d to %d, not '%.*s'\n",
                 program_invocation_short_name, option.name, option.least, option.most,
                 static_cast<int>(text.size()), text.data());
    std::exit(1);
  }
  option.value = number;
}

/// Reads the command line. `--help` ends the program, and so does what is wrong: with a
/// sentence that names it, and exit code 1.
inline void read_arguments(int argc, char** argv, const char* purpose,
                           std::initializer_list<number_option> options = {}) {
  argv[0] = program_invocation_short_name;  // as getopt_long is to call us
  std::vector<option> names;
  for (const number_option& o : options) {
    names.push_back({o.name, required_argument, nullptr, static_cast<int>(names.size())});
  }
  names.push_back({"help", no_argument, nullptr, 'h'});
  names.push_back({});
  for (int found; (found = getopt_long(argc, argv, "", names.data(), nullptr)) != -1;) {
    if (found == '?') std::exit(1);  // getopt_long has said why
    if (found == 'h') print_help(purpose, options);
    read_number(options.begin()[found], optarg);
  }
  if (optind < argc) {
    std::fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[optind]);
    std::exit(1);
  }
}

/// Says what went wrong. @returns the exit code.
inline int explain(const std::exception& error) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, error.what());
  return 1;
}

}  // namespace examples
