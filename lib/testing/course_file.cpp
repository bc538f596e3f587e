// SPDX-License-Identifier: MIT
#include "lib/testing/course_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace motet::testing {

namespace {

constexpr std::array<std::string_view, 4> names{"fiber", "completion", "fault", "value"};

[[noreturn]] void throw_unusable(const char* attempt, const std::string& path) {
  const int error = errno != 0 ? errno : EIO;
  throw std::system_error(error, std::system_category(),
                          std::string(attempt) + " the course in " + path);
}

choice parse(const std::string& line, const std::string& path) {
  std::istringstream words(line);
  std::string name;
  choice read{};
  words >> name >> read.count >> read.taken;
  const auto* const found = std::find(names.begin(), names.end(), name);
  if (!words || found == names.end() || read.taken >= read.count) {
    throw std::invalid_argument(path + " holds no course: \"" + line +
                                "\" is no decision, as \"fiber 3 1\" is");
  }
  read.what = static_cast<decision>(std::distance(names.begin(), found));
  return read;
}

}  // namespace

void write_course(const std::string& path, const std::vector<choice>& record) {
  errno = 0;
  std::ofstream file(path);
  for (const choice& each : record) {
    file << names[static_cast<std::size_t>(each.what)] << ' ' << each.count << ' '
         << each.taken << '\n';
  }
  file.close();
  if (!file) throw_unusable("write", path);
}

std::vector<choice> read_course(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file) throw_unusable("read", path);
  std::vector<choice> record;
  for (std::string line; std::getline(file, line);)
    record.push_back(parse(line, path));
  return record;
}

std::vector<choice> trimmed(std::vector<choice> record) {
  while (!record.empty() && record.back().taken == 0)
    record.pop_back();
  return record;
}

}  // namespace motet::testing
