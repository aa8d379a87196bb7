# Takes out what `cmake --install` put in, by its manifest. What a postmaster
# wrote (/etc/signpost: settings and keys) and what was kept (/var/lib) stays.
if(NOT EXISTS "${MANIFEST}")
  message(FATAL_ERROR "${MANIFEST} is not there: nothing was installed from this "
    "build. Run `cmake --install` with the same prefix once more, then this.")
endif()

# Postfix would keep what it cannot hand over, but nobody would be told.
if("$ENV{DESTDIR}" STREQUAL "")
  foreach(asked "systemctl;--quiet;is-active;signpost.service"
      "/etc/init.d/signpost;status" "postconf;-M;signpost/unix")
    execute_process(COMMAND ${asked}
      RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_QUIET)
    if(NOT failed STREQUAL "0" OR (asked MATCHES "^postconf" AND NOT said))
      continue()
    endif()
    string(REPLACE ";" " " asked "${asked}")
    message(FATAL_ERROR "signpost is in use (${asked}). `signpost setup --undo` "
      "takes it out of Postfix, strands no mail, and stops it; then run this "
      "again.")
  endforeach()
endif()

file(STRINGS "${MANIFEST}" files)
foreach(file IN LISTS files)
  set(path "$ENV{DESTDIR}${file}")
  if(file MATCHES "^/etc/signpost/")
    message(STATUS "Stays: ${path}")
  elseif(EXISTS "${path}" OR IS_SYMLINK "${path}")
    file(REMOVE "${path}")
    message(STATUS "Removed: ${path}")
  endif()
endforeach()

# Folders that are ours alone, where nothing is left in them.
foreach(file IN LISTS files)
  get_filename_component(folder "$ENV{DESTDIR}${file}" DIRECTORY)
  while(folder MATCHES "/signpost(/|$)" AND NOT folder MATCHES "/etc/signpost")
    file(GLOB left LIST_DIRECTORIES true "${folder}/*" "${folder}/.[!.]*")
    if(left OR NOT IS_DIRECTORY "${folder}")
      break()
    endif()
    file(REMOVE_RECURSE "${folder}")
    get_filename_component(folder "${folder}" DIRECTORY)
  endwhile()
endforeach()
