# samples.cmake: -D OUT=FILE -D TEXTS=FILE;FILE... makes C of texts: each becomes
# cli_sample_NAME, NAME being the file's with _ for -.
set(made "/* Made by cli/samples.cmake. */\n#include \"cli/samples.h\"\n")
foreach(text IN LISTS TEXTS)
  get_filename_component(name ${text} NAME_WE)
  string(REPLACE "-" "_" name ${name})
  file(READ ${text} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "((0x..,){12})" "\\1\n\t" bytes "${bytes}")
  string(APPEND made
    "\nconst char cli_sample_${name}[] = {\n\t${bytes} 0x00};\n")
endforeach()
file(WRITE ${OUT} "${made}")
