// Command ssh-server serves one Git repository over SSH on loopback, to anyone who has the key, for reading. It prints its address.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/crypto/ssh"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: ssh-server HOST_KEY AUTHORIZED_KEY REPOSITORY")
	}
	repository := os.Args[3]
	hostKey, err := ssh.ParsePrivateKey(read(os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	authorized, _, _, _, err := ssh.ParseAuthorizedKey(read(os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(authorized.Marshal()) {
			return nil, fmt.Errorf("this key may not enter")
		}
		return nil, nil
	}}
	config.AddHostKey(hostKey)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(connection, config, repository)
	}
}

func read(file string) []byte {
	content, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	return content
}

func serve(connection net.Conn, config *ssh.ServerConfig, repository string) {
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		log.Print(err)
		return
	}
	go ssh.DiscardRequests(requests)
	for wanted := range channels {
		if wanted.ChannelType() != "session" {
			wanted.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, asked, err := wanted.Accept()
		if err != nil {
			return
		}
		go session(channel, asked, repository)
	}
}

// session answers the one command that fetching takes, with git's own program for it.
func session(channel ssh.Channel, asked <-chan *ssh.Request, repository string) {
	protocol := ""
	for request := range asked {
		var variable struct{ Name, Value string }
		var command struct{ Line string }
		switch {
		case request.Type == "env" && ssh.Unmarshal(request.Payload, &variable) == nil && variable.Name == "GIT_PROTOCOL":
			protocol = variable.Value
			request.Reply(true, nil)
		case request.Type == "exec" && ssh.Unmarshal(request.Payload, &command) == nil && strings.HasPrefix(command.Line, "git-upload-pack "):
			request.Reply(true, nil)
			go upload(channel, protocol, repository)
		default:
			request.Reply(false, nil)
		}
	}
}

func upload(channel ssh.Channel, protocol, repository string) {
	defer channel.Close()
	git := exec.Command("git", "upload-pack", repository)
	git.Env = append(os.Environ(), "GIT_PROTOCOL="+protocol)
	git.Stdout, git.Stderr = channel, channel.Stderr()
	stdin, err := git.StdinPipe()
	if err == nil {
		err = git.Start()
	}
	status := struct{ Code uint32 }{1}
	if err == nil {
		go func() { // not as git.Stdin: git may end before the caller has said all, and Wait would wait for that
			defer stdin.Close()
			io.Copy(stdin, channel)
		}()
		if git.Wait() == nil {
			status.Code = 0
		}
	}
	channel.SendRequest("exit-status", false, ssh.Marshal(status))
}
