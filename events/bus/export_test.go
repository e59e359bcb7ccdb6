package bus

// PublishReplies sends outcomes over the server, as to a dispatcher in another process.
var PublishReplies = publishReplies
