// SPDX-License-Identifier: MIT

#include "measure.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace bench {

namespace {

int result_pipe = -1;  // in a child: where its findings go

struct trial_result {
  std::vector<finding> findings;
  std::string failure;
};

std::string describe(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "took too long";
  if (WIFSIGNALED(status)) return std::string("died by ") + strsignal(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

[[noreturn]] void be_the_child(const benchmark& b) {
  alarm(b.seconds_at_most);
  try {
    finish_trial(b.trial());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", b.rows.front().what.c_str(), error.what());
    _exit(1);
  }
}

std::vector<finding> read_findings(int fd, std::size_t count) {
  std::vector<finding> findings(count);
  auto* bytes = reinterpret_cast<char*>(findings.data());
  const std::size_t size = count * sizeof(finding);
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = read(fd, bytes + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  if (got < size) findings.clear();
  return findings;
}

trial_result run_trial(const benchmark& b) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return {{}, std::strerror(errno)};
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return {{}, std::strerror(errno)};
  if (child == 0) {
    close(ends[0]);
    result_pipe = ends[1];
    be_the_child(b);
  }
  close(ends[1]);
  trial_result result{read_findings(ends[0], b.rows.size()), {}};
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (result.findings.empty()) result.failure = describe(status);
  return result;
}

/// A target as it was written.
std::string plain(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

std::string number(double value) {
  std::array<char, 32> text{};
  const char* form = value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f";
  std::snprintf(text.data(), text.size(), form, value);
  return text.data();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

std::string spread(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return number(median(values)) + " [" + number(*low) + "–" + number(*high) + "]";
}

void print_row(const row& r, const std::vector<double>& values,
               const std::vector<double>& limits) {
  const bool limited = !limits.empty() && !std::isnan(limits.front());
  const std::string limit = limited ? r.limit + ": " + spread(limits) : "–";
  const bool aimed = !std::isnan(r.target);
  const std::string target = aimed ? "≤ " + plain(r.target) : "–";
  const char* verdict = !aimed ? "–" : median(values) <= r.target ? "yes" : "no";
  std::printf("| %s | %s | %s | %s | %s | %s |\n", r.what.c_str(), spread(values).c_str(),
              r.unit.c_str(), limit.c_str(), target.c_str(), verdict);
  std::fflush(stdout);
}

}  // namespace

std::int64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

void finish_trial(const std::vector<finding>& findings) {
  const std::size_t size = findings.size() * sizeof(finding);
  const ssize_t n = write(result_pipe, findings.data(), size);
  _exit(n == static_cast<ssize_t>(size) ? 0 : 1);
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

bool run_benchmark(const benchmark& b, const measure_options& options) {
  std::vector<std::vector<double>> values(b.rows.size());
  std::vector<std::vector<double>> limits(b.rows.size());
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    const trial_result result = run_trial(b);
    if (!result.failure.empty()) {
      for (const row& r : b.rows) {
        std::printf("| %s | failed: %s | | | | |\n", r.what.c_str(),
                    result.failure.c_str());
      }
      std::fflush(stdout);
      return false;
    }
    for (std::size_t i = 0; i < b.rows.size(); ++i) {
      values[i].push_back(result.findings[i].value);
      limits[i].push_back(result.findings[i].limit);
    }
  }
  for (std::size_t i = 0; i < b.rows.size(); ++i) {
    print_row(b.rows[i], values[i], limits[i]);
  }
  return true;
}

}  // namespace bench
