// SPDX-License-Identifier: MIT

#include "measure.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <time.h>
#include <unistd.h>

namespace bench {

namespace {

/// A number, as JSON has them.
std::string number(double value) {
  if (std::isnan(value)) return "null";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

}  // namespace

std::int64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

void finish_trial(const std::vector<finding>& findings) {
  const char* separator = "[";
  for (const finding& f : findings) {
    std::printf("%s[%s, %s]", separator, number(f.value).c_str(),
                number(f.limit).c_str());
    separator = ", ";
  }
  std::printf("]\n");
  std::fflush(stdout);
  _exit(0);
}

double own_status(const char* field) {
  FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return none;
  std::array<char, 256> line{};
  const std::size_t length = std::strlen(field);
  double kb = none;
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    if (std::strncmp(line.data(), field, length) == 0 && line[length] == ':') {
      kb = std::atof(line.data() + length + 1);
    }
  }
  std::fclose(file);
  return kb * 1024;
}

void print_rows(const std::vector<benchmark>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const row& r : all[i].rows) {
      std::printf(
          R"({"benchmark": %zu, "what": "%s", "unit": "%s", "target": %s, "limit": "%s"})"
          "\n",
          i, r.what.c_str(), r.unit.c_str(), number(r.target).c_str(), r.limit.c_str());
    }
  }
}

}  // namespace bench
