// SPDX-License-Identifier: MIT
#include "lib/io/child.hpp"

#include <motet/process.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace motet::detail {

namespace {

void check(int failed) {
  if (failed != 0) throw std::error_code(failed, std::system_category());
}

/// One of the kernel's answers, or the error that `errno` tells of.
int checked(int answer) {
  if (answer < 0) check(errno);
  return answer;
}

/// What the child does between its start and the program's.
class preparation {
 public:
  preparation() {
    check(::posix_spawn_file_actions_init(&files_));
    if (const int failed = ::posix_spawnattr_init(&attributes_); failed != 0) {
      ::posix_spawn_file_actions_destroy(&files_);
      check(failed);
    }
  }
  preparation(const preparation&) = delete;
  preparation& operator=(const preparation&) = delete;
  ~preparation() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&files_);
  }

  void start_afresh() {
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    check(::posix_spawnattr_setsigdefault(&attributes_, &all));
    check(::posix_spawnattr_setsigmask(&attributes_, &none));
    check(::posix_spawnattr_setpgroup(&attributes_, 0));
    check(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF |
                                                       POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETPGROUP));
  }
  void open_null(int target) {
    check(::posix_spawn_file_actions_addopen(&files_, target, "/dev/null", O_RDWR, 0));
  }
  void duplicate(int fd, int target) {
    check(::posix_spawn_file_actions_adddup2(&files_, fd, target));
  }
  void close_others() {
    check(::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1));
  }
  void change_to(const std::string& directory) {
    check(::posix_spawn_file_actions_addchdir_np(&files_, directory.c_str()));
  }

  [[nodiscard]] pid_t start(const char* program, char* const* arguments,
                            char* const* environment) {
    pid_t pid = 0;
    check(::posix_spawnp(&pid, program, &files_, &attributes_, arguments, environment));
    return pid;
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

/// A list of strings as C has them.
class c_strings {
 public:
  void add(const std::string& text) {
    if (text.find('\0') != std::string::npos) check(EINVAL);  // it would end there
    add(text.c_str());
  }
  void add(const char* text) { list_.push_back(const_cast<char*>(text)); }
  [[nodiscard]] char* const* get() {
    list_.push_back(nullptr);
    return list_.data();
  }

 private:
  std::vector<char*> list_;
};

std::string_view name_of_variable(std::string_view entry) noexcept {
  return entry.substr(0, entry.find('='));
}

c_strings environment_of(const process_options& what) {
  c_strings all;
  for (char** ours = environ; what.inherit_environment && *ours != nullptr; ++ours) {
    const bool replaced =
        std::any_of(what.environment.begin(), what.environment.end(),
                    [name = name_of_variable(*ours)](const std::string& entry) {
                      return name_of_variable(entry) == name;
                    });
    if (!replaced) all.add(*ours);
  }
  for (const std::string& entry : what.environment) {
    if (entry.find('=') != std::string::npos) all.add(entry);
  }
  return all;
}

/// The standard streams of the child, while it is started.
class wiring {
 public:
  wiring(preparation& child, pipe_ends& ours) : child_(child), ours_(ours) {}

  void lay(int target, const redirect& where) {
    switch (where.leads_to()) {
      case redirect::usual:
      case redirect::inherited:
        return;
      case redirect::nothing:
        return child_.open_null(target);
      case redirect::piped:
        return lay_pipe(target);
      case redirect::to_output:
        return child_.duplicate(STDOUT_FILENO, target);
      case redirect::lent:
        return lend(where.fd(), target);
    }
  }

 private:
  /// Not what is about to be replaced by the child's own standard streams.
  descriptor out_of_the_way(int fd) {
    return descriptor(checked(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)));
  }
  void lend(int fd, int target) {
    if (fd <= STDERR_FILENO) fd = (kept_[target] = out_of_the_way(fd)).fd();
    child_.duplicate(fd, target);
  }
  void lay_pipe(int target) {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC));
    const bool child_reads = target == STDIN_FILENO;
    descriptor& ours = ours_[static_cast<std::size_t>(target)];
    ours = descriptor(ends[child_reads ? 1 : 0]);
    descriptor& theirs = kept_[target];
    theirs = descriptor(ends[child_reads ? 0 : 1]);
    if (theirs.fd() <= STDERR_FILENO) theirs = out_of_the_way(theirs.fd());
    child_.duplicate(theirs.fd(), target);
  }

  preparation& child_;
  pipe_ends& ours_;
  descriptor kept_[3];  ///< Closed here once the child has them.
};

pid_t start(const process_options& what, pipe_ends& ours) {
  preparation child;
  child.start_afresh();
  wiring streams(child, ours);
  const bool usual_input = what.input.leads_to() == redirect::usual;
  streams.lay(STDIN_FILENO, usual_input ? redirect(redirect::nothing) : what.input);
  streams.lay(STDOUT_FILENO, what.output);
  streams.lay(STDERR_FILENO, what.error);
  child.close_others();
  if (!what.directory.empty()) child.change_to(what.directory);
  c_strings arguments;
  arguments.add(what.program);
  for (const std::string& argument : what.arguments)
    arguments.add(argument);
  return child.start(what.program.c_str(), arguments.get(), environment_of(what).get());
}

}  // namespace

pid_t start_program(const process_options& what, pipe_ends& ours) try {
  return start(what, ours);
} catch (const std::error_code& failed) {
  std::string message = "start \"" + what.program + '"';
  if (!what.directory.empty()) message += " in \"" + what.directory + '"';
  throw std::system_error(failed, message);
}

}  // namespace motet::detail
