# Adds a folder to the end of PATH, once.
add_path() {
  case ":$PATH:" in
    *:"$1":*) ;;
    *) PATH=$PATH:$1 ;;
  esac
}
