package identity

// The names of the commands about the own account. Their payloads are the structs of the
// same names.
const (
	CommandSetPreferences = "user.set_preferences"
	CommandDeleteAccount  = "user.delete"
)
